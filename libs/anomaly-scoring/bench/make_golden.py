#!/usr/bin/python3
"""Writes the golden files of numerics, isolation-forest and anomaly-scoring from scikit-learn.

Run from the repository root with a Python that has scikit-learn 1.2 or later:
    /usr/bin/python3 libs/anomaly-scoring/bench/make_golden.py
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors

LIBS = pathlib.Path(__file__).resolve().parents[2]


def write(room, name, value):
    folder = LIBS / room / "testdata"
    folder.mkdir(exist_ok=True)
    value = {"by": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}", **value}
    (folder / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def matrix(values):
    """float32 values as decimals that read back as the same float32."""
    return [[float(np.format_float_positional(v, unique=True)) for v in row] for row in values.astype(np.float32)]


def breadth_first(tree):
    """scikit-learn numbers nodes depth first; hazure's files want parents first and children side by side."""
    order, queue = [], [0]
    while queue:
        node = queue.pop(0)
        order.append(node)
        if tree.children_left[node] >= 0:
            queue += [tree.children_left[node], tree.children_right[node]]
    position = {node: i for i, node in enumerate(order)}
    leaf = [tree.children_left[node] < 0 for node in order]
    # A float32 value is <= the float64 threshold exactly when it is <= the threshold rounded down to float32.
    down = np.array([tree.threshold[node] for node in order])
    as32 = down.astype(np.float32)
    as32 = np.where(as32 > down, np.nextafter(as32, np.float32(-np.inf)), as32)
    return {
        "feature": [-1 if end else int(tree.feature[node]) for node, end in zip(order, leaf)],
        "threshold": [0 if end else float(value) for value, end in zip(as32, leaf)],
        "left": [0 if end else position[tree.children_left[node]] for node, end in zip(order, leaf)],
        "samples": [int(tree.n_node_samples[node]) for node in order],
    }


def forest():
    rng = np.random.default_rng(1)
    x = np.vstack([rng.normal(size=(280, 6)), rng.normal(size=(20, 6)) * 4]).astype(np.float32)
    fitted = IsolationForest(n_estimators=25, max_samples=64, contamination=0.1, random_state=3).fit(x)
    many = IsolationForest(n_estimators=1000, random_state=5).fit(x)
    sizes = [0, 1, 2, 3, 4, 5, 8, 16, 100, 256, 1000, 65536, 1000000]
    write(
        "isolation-forest",
        "scikit-learn.json",
        {
            "pathLengths": {"n": sizes, "c": _average_path_length(np.array(sizes)).tolist()},
            "x": matrix(x),
            "forest": {
                "format": "hazure-isolation-forest/1",
                "dimensions": 6,
                "samplesPerTree": 64,
                "contamination": 0.1,
                "offset": float(fitted.offset_),
                "seed": 3,
                "trees": [breadth_first(tree.tree_) for tree in fitted.estimators_],
            },
            "scoreSamples": fitted.score_samples(x).tolist(),
            "decisionFunction": fitted.decision_function(x).tolist(),
            "predict": fitted.predict(x).tolist(),
            "thousandTrees": many.score_samples(x).tolist(),
        },
    )


def whitened_lof(train, test, neighbours=5):
    """Whitened local outlier factor by its definition, with the covariance's inverse square root."""
    score = np.ones(len(test))
    for unit in (False, True):
        a, x = ((m / np.linalg.norm(m, axis=1, keepdims=True) if unit else m).astype(np.float64) for m in (train, test))
        values, vectors = np.linalg.eigh(LedoitWolf().fit(a).covariance_)
        whiten = vectors / np.sqrt(values)
        a, x = a @ whiten, x @ whiten
        between = np.linalg.norm(a[:, None] - a[None], axis=2)
        np.fill_diagonal(between, np.inf)
        reach = np.sqrt((np.sort(between, axis=1)[:, :neighbours] ** 2).mean(axis=1))
        score *= (np.linalg.norm(x[:, None] - a[None], axis=2) / reach).min(axis=1)
    return score


def scoring():
    rng = np.random.default_rng(2)
    cases = {}
    for name, rows, cols in (("moreRows", 60, 7), ("fewerRows", 12, 20)):
        mix = rng.normal(size=(cols, cols))
        train = (rng.normal(size=(rows, cols)) @ mix + 3).astype(np.float32)
        test = (rng.normal(size=(9, cols)) * 2 + 3).astype(np.float32)
        fitted = LedoitWolf().fit(train.astype(np.float64))
        nearest = NearestNeighbors(n_neighbors=3, algorithm="brute", metric="cosine").fit(train.astype(np.float64))
        distances, indices = nearest.kneighbors(test.astype(np.float64))
        cases[name] = {
            "train": matrix(train),
            "test": matrix(test),
            "shrinkage": float(fitted.shrinkage_),
            "mahalanobis": fitted.mahalanobis(test.astype(np.float64)).tolist(),
            "lof": whitened_lof(train, test).tolist(),
            "cosine": {"distances": distances.tolist(), "indices": indices.tolist()},
        }
    write("anomaly-scoring", "scikit-learn.json", cases)


def ranking():
    rng = np.random.default_rng(4)
    cases = []
    for rows, decimals in ((40, 6), (200, 1), (500, 2)):
        labels = (rng.random(rows) < 0.3).astype(int)
        scores = np.round(rng.normal(size=rows) + labels * 1.2, decimals)
        fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
        cases.append(
            {
                "labels": labels.tolist(),
                "scores": scores.tolist(),
                "auroc": float(roc_auc_score(labels, scores)),
                "averagePrecision": float(average_precision_score(labels, scores)),
                "fprAt95Tpr": float(fpr[np.argmax(tpr >= 0.95)]),
            }
        )
    quantiles = rng.normal(size=31)
    write(
        "numerics",
        "scikit-learn.json",
        {
            "ranking": cases,
            "quantiles": {
                "values": quantiles.tolist(),
                "q": [0, 0.05, 0.1, 0.333, 0.5, 0.95, 1],
                "expected": np.quantile(quantiles, [0, 0.05, 0.1, 0.333, 0.5, 0.95, 1]).tolist(),
            },
        },
    )


forest()
scoring()
ranking()
