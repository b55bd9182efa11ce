"""Wall and processor seconds (all threads) that scikit-learn takes for one job on normal random rows."""
import json
import sys
import time

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

job = sys.argv[1]
rng = np.random.default_rng(0)


def timed(work):
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    return {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}, result


def normal(rows, cols):
    return rng.standard_normal(size=(rows, cols), dtype=np.float32)


result = {}
if job == "iforest":
    x = normal(100_000, 512)
    result["fit"], forest = timed(lambda: IsolationForest(n_estimators=100, random_state=0).fit(x))
    result["score"], _ = timed(lambda: forest.score_samples(x))
elif job == "mahalanobis":
    x = normal(100_000, 512)
    result["fit"], fitted = timed(lambda: LedoitWolf().fit(x))
    result["score"], _ = timed(lambda: fitted.mahalanobis(x))
elif job in ("knn-cosine", "knn-euclidean"):
    x, y = normal(10_000, 512), normal(10_000, 512)
    if job == "knn-euclidean":  # the same neighbours on unit rows; scikit-learn has a faster path for it
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        y /= np.linalg.norm(y, axis=1, keepdims=True)
    metric = job.split("-")[1]
    nearest = NearestNeighbors(n_neighbors=5, algorithm="brute", metric=metric, n_jobs=2).fit(y)
    result["search"], _ = timed(lambda: nearest.kneighbors(x))
json.dump(result, sys.stdout)
