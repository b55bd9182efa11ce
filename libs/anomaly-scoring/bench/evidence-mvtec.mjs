#!/usr/bin/env node
/**
 * How every scorer ranks on embeddings of MVTec-AD categories, half of the normals for fitting, mean over seeds:
 *   node libs/anomaly-scoring/bench/evidence-mvtec.mjs ../shared/data/mvtec-vit-embeddings [seeds, default 0,1,2]
 * Splits are those of mvtec_reference.py (NumPy's generator), so a Python with NumPy is needed (PYTHON).
 */
import { join } from 'node:path';
import { createScorer, SCORER_NAMES } from '@hazure/anomaly-scoring';
import { mean, rankingMetrics, selectRows } from '@hazure/numerics';
import { python, readNpy } from './lib.mjs';

const [folder, seeds = '0,1,2'] = process.argv.slice(2);
const splits = python('mvtec_splits.py', [folder, seeds]);
const table = new Map();
for (const { category, train, test } of splits) {
  const x = readNpy(join(folder, `${category}.features.npy`));
  const { data } = readNpy(join(folder, `${category}.labels.npy`));
  const labels = test.map((row) => Number(data[row]));
  for (const name of SCORER_NAMES) {
    const fitted = await createScorer(name).fit(selectRows(x, train));
    const { auroc } = rankingMetrics(labels, await fitted.score(selectRows(x, test)));
    const row = table.get(name) ?? new Map();
    row.set(category, [...(row.get(category) ?? []), auroc]);
    table.set(name, row);
  }
}
for (const [name, row] of table) {
  const means = [...row.values()].map((values) => mean(values));
  console.log(name.padEnd(12), mean(means).toFixed(4), '|', means.map((value) => value.toFixed(4)).join(' '));
}
