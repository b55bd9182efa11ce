#!/usr/bin/env node
/**
 * Every scorer on data of other kinds than those that a choice was made on; mean AUROC by family:
 *   node libs/anomaly-scoring/bench/evidence-families.mjs [FEATURES.json…]
 * Without files: digits and a medical table from scikit-learn (PYTHON). FEATURES.json: lists of { family, train, test, labels }
 * with matrices as { rows, cols, data }, as evidence-photos.mjs writes them.
 */
import { readFileSync } from 'node:fs';
import { createScorer, SCORER_NAMES } from '@hazure/anomaly-scoring';
import { mean, rankingMetrics } from '@hazure/numerics';
import { python } from './lib.mjs';

const matrix = ({ rows, cols, data }) => ({ rows, cols, data: Float32Array.from(data) });
const tasks = process.argv.slice(2).flatMap((path) => JSON.parse(readFileSync(path, 'utf8')));
const found = new Map();
const given = tasks.length > 0 ? tasks : python('evidence_digits.py');
for (const { family, train, test, labels } of given) {
  const scores = found.get(family) ?? Object.fromEntries(SCORER_NAMES.map((name) => [name, []]));
  found.set(family, scores);
  for (const name of SCORER_NAMES) {
    const fitted = await createScorer(name, { threads: 1 }).fit(matrix(train));
    scores[name].push(rankingMetrics(labels, await fitted.score(matrix(test))).auroc);
  }
}
console.log('mean AUROC'.padEnd(24), 'tasks', ...SCORER_NAMES.map((name) => name.padStart(12)));
for (const [family, scores] of found) {
  const values = SCORER_NAMES.map((name) => mean(scores[name]).toFixed(4).padStart(12));
  console.log(family.padEnd(24), String(scores[SCORER_NAMES[0]].length).padStart(5), ...values);
}
