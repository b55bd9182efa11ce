"""Seconds that scikit-learn takes to fit scorers to rows and to score each fold by fits to the nine others."""
import json
import sys
import time

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import KFold
from sklearn.neighbors import NearestNeighbors

job, rows, cols = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
# float64: in float32 the pseudo-inverse drops directions of small variance when there are few rows.
x = np.frombuffer(sys.stdin.buffer.read(), dtype=np.float32).reshape(rows, cols).astype(np.float64)
unit = x / np.linalg.norm(x, axis=1, keepdims=True)


def gaussians(fit, held):
    scores = []
    for m in (x, unit):
        fitted = LedoitWolf().fit(m[fit])
        scores.append(fitted.mahalanobis(m[held]))
    return scores


def knn(fit, held):
    return NearestNeighbors(n_neighbors=1, algorithm="brute", metric="cosine", n_jobs=2).fit(x[fit]).kneighbors(x[held])


def forest(fit, held):
    return IsolationForest(n_estimators=100, random_state=0).fit(x[fit]).score_samples(x[held])


scorers = [gaussians] if job == "gaussians" else [gaussians, knn, forest]
every = np.arange(rows)
start, cpu = time.perf_counter(), time.process_time()
folds = list(KFold(10, shuffle=True, random_state=0).split(every))
mahalanobis = np.empty(rows)
for scorer in scorers:
    for fit, held in folds:
        scores = scorer(fit, held)
        if scorer is gaussians:
            mahalanobis[held] = scores[0]
    scorer(every, every[:1])
result = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
json.dump({"time": result, "quantiles": np.quantile(mahalanobis, [0.1, 0.5, 0.9]).tolist()}, sys.stdout)
