"""Digits (each as normal in turn) raw and through a random layer, and a medical table: train, test, labels as JSON."""
import json
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits

result = []


def add(family, task, x, normal, seed):
    rng = np.random.default_rng(seed)
    rows = np.where(normal)[0]
    rng.shuffle(rows)
    half = len(rows) // 2
    others = np.where(~normal)[0]
    rng.shuffle(others)
    test = np.concatenate([rows[half:], others[:400]])
    labels = np.concatenate([np.zeros(len(rows) - half, int), np.ones(len(test) - len(rows) + half, int)])
    shape = lambda m: {"rows": len(m), "cols": m.shape[1], "data": m.astype(np.float32).round(5).ravel().tolist()}
    result.append({"family": family, "task": task, "train": shape(x[rows[:half]]), "test": shape(x[test]), "labels": labels.tolist()})


digits = load_digits()
layer = np.random.default_rng(0).normal(size=(64, 256)) / 8
table = load_breast_cancer()
for seed in (0, 1):
    for digit in range(0, 10, 2):
        add("digits", digit, digits.data, digits.target == digit, seed)
        add("digits, random layer", digit, np.maximum(digits.data @ layer, 0), digits.target == digit, seed)
    add("medical table", 0, table.data / table.data.std(axis=0), table.target == 1, seed)
json.dump(result, sys.stdout)
