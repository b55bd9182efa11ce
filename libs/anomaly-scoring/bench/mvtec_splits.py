"""Half of the normals for fitting, the rest and all defects for judging: the splits of every category and seed."""
import json
import pathlib
import sys

import numpy as np

folder = pathlib.Path(sys.argv[1])
result = []
for path in sorted(folder.glob("*.features.npy")):
    category = path.name.split(".")[0]
    y = np.load(folder / f"{category}.labels.npy").ravel().astype(int)
    for seed in (int(text) for text in sys.argv[2].split(",")):
        normal = np.where(y == 0)[0]
        np.random.default_rng(seed).shuffle(normal)
        half = len(normal) // 2
        test = np.concatenate([normal[half:], np.where(y == 1)[0]])
        result.append({"category": category, "seed": seed, "train": normal[:half].tolist(), "test": test.tolist()})
json.dump(result, sys.stdout)
