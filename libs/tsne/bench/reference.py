"""scikit-learn's t-SNE, and a judge for anyone's map. Called by compare.mjs.

  reference.py run X.f32 ROWS COLS ITERATIONS PERPLEXITY THREADS OUT.f32   -> JSON: seconds, cpuSeconds, klDivergence
  reference.py judge X.f32 ROWS COLS PERPLEXITY Y.f32 [Y.f32 ...]  -> JSON list: klDivergence, trustworthiness

The judge measures every map alike: P from exact neighbours (scikit-learn's own routine), Q from all pairs.
"""
import json
import resource
import sys
import time
import warnings

import numpy as np
from sklearn.manifold import TSNE, _t_sne, trustworthiness
from sklearn.neighbors import NearestNeighbors

warnings.filterwarnings("ignore")


def matrix(path, rows, cols):
    return np.fromfile(path, dtype=np.float32).reshape(int(rows), int(cols))


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(path, rows, cols, iterations, perplexity, threads, out):
    x = matrix(path, rows, cols)
    started, cpu_started = time.perf_counter(), cpu()
    model = TSNE(
        perplexity=float(perplexity),
        n_iter=int(iterations),
        init="pca",
        learning_rate="auto",
        n_jobs=int(threads),
        random_state=42,
    )
    y = model.fit_transform(x)
    seconds, cpu_seconds = time.perf_counter() - started, cpu() - cpu_started
    y.astype(np.float32).tofile(out)
    print(json.dumps({"seconds": seconds, "cpuSeconds": cpu_seconds, "klDivergence": float(model.kl_divergence_)}))


def judge(path, rows, cols, perplexity, *maps):
    x = matrix(path, rows, cols)
    n = len(x)
    k = min(n - 1, int(3.0 * float(perplexity) + 1))
    graph = NearestNeighbors(n_neighbors=k, n_jobs=2).fit(x).kneighbors_graph(mode="distance")
    graph.data **= 2
    p = _t_sne._joint_probabilities_nn(graph, float(perplexity), 0).tocoo()
    sample = np.random.RandomState(0).permutation(n)[:5000]
    results = []
    for path in maps:
        y = np.fromfile(path, dtype=np.float32).reshape(n, 2).astype(np.float64)
        z = -float(n)
        for start in range(0, n, 500):
            block = y[start : start + 500]
            d = (block[:, None, 0] - y[None, :, 0]) ** 2 + (block[:, None, 1] - y[None, :, 1]) ** 2
            z += (1 / (1 + d)).sum()
        length = ((y[p.row] - y[p.col]) ** 2).sum(axis=1)
        positive = p.data > 0
        kl = (p.data * (np.log(np.where(positive, p.data, 1)) + np.log1p(length)))[positive].sum() + np.log(z)
        trust = trustworthiness(x[sample], y[sample], n_neighbors=15)
        results.append({"klDivergence": float(kl), "trustworthiness": float(trust)})
    print(json.dumps(results))


if __name__ == "__main__":
    {"run": run, "judge": judge}[sys.argv[1]](*sys.argv[2:])
