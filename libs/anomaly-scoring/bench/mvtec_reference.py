"""AUROC of scikit-learn's detectors on every category and seed; splits are printed for others to follow."""
import json
import pathlib
import sys

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

folder = pathlib.Path(sys.argv[1])
seeds = [int(seed) for seed in sys.argv[2].split(",")]
result = []
for path in sorted(folder.glob("*.features.npy")):
    category = path.name.split(".")[0]
    x = np.load(path).astype(np.float32)
    y = np.load(folder / f"{category}.labels.npy").ravel().astype(int)
    for seed in seeds:
        normal = np.where(y == 0)[0]
        np.random.default_rng(seed).shuffle(normal)
        half = len(normal) // 2
        train = normal[:half]
        test = np.concatenate([normal[half:], np.where(y == 1)[0]])
        auroc = lambda scores: roc_auc_score(y[test], scores)
        nearest = NearestNeighbors(n_neighbors=5, algorithm="brute", metric="cosine").fit(x[train])
        distances = nearest.kneighbors(x[test])[0]
        result.append(
            {
                "category": category,
                "seed": seed,
                "train": train.tolist(),
                "test": test.tolist(),
                "iforest": auroc(-IsolationForest(random_state=seed).fit(x[train]).score_samples(x[test])),
                "mahalanobis": auroc(LedoitWolf().fit(x[train].astype(float)).mahalanobis(x[test].astype(float))),
                "knn": auroc(distances[:, 0]),
                "knn5": auroc(distances.mean(axis=1)),
            }
        )
json.dump(result, sys.stdout)
