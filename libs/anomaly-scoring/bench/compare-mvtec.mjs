#!/usr/bin/env node
/**
 * Scorers against scikit-learn on embeddings of MVTec-AD categories, on the same splits (half of the normals for
 * fitting), with the false alarms at percentile 95 on the other half:
 *   node libs/anomaly-scoring/bench/compare-mvtec.mjs ../shared/data/mvtec-vit-embeddings [seeds, default 0,1,2]
 * The folder holds <category>.features.npy and <category>.labels.npy (1 = defect). Needs built rooms.
 */
import { join } from 'node:path';
import { createScorer, evaluateScorers } from '@hazure/anomaly-scoring';
import { mean, rankingMetrics, selectRows } from '@hazure/numerics';
import { python, readNpy } from './lib.mjs';

const [folder, seeds = '0,1,2'] = process.argv.slice(2);
const reference = python('mvtec_reference.py', [folder, seeds]);
const clock = { monotonicMs: () => performance.now() };
const categories = [...new Set(reference.map(({ category }) => category))];
const ours = [];
for (const { category, seed, train, test } of reference) {
  const x = readNpy(join(folder, `${category}.features.npy`));
  const { data } = readNpy(join(folder, `${category}.labels.npy`));
  const labels = test.map((row) => Number(data[row]));
  const [fitRows, testRows] = [selectRows(x, train), selectRows(x, test)];
  const report = await evaluateScorers({ train: fitRows, test: testRows, labels, seed, clock });
  const knn5 = await (await createScorer('knn', { knn: { k: 5 } }).fit(fitRows)).score(testRows);
  ours.push({ category, knn5: rankingMetrics(labels, knn5).auroc, report });
}

const row = (name, values) =>
  console.log(
    name.padEnd(30),
    ...values.map((value) => (Number.isNaN(value) ? '-' : value.toFixed(4)).padStart(9)),
  );
console.log('AUROC'.padEnd(30), ...['mean', ...categories].map((name) => name.slice(0, 9).padStart(9)));
const perCategory = (of) => {
  const values = categories.map((category) => mean(of(category)));
  return [mean(values), ...values];
};
for (const name of ['iforest', 'mahalanobis', 'knn', 'knn5']) {
  const theirs = perCategory((c) =>
    reference.filter(({ category }) => category === c).map((item) => item[name]),
  );
  const hazure = perCategory((c) =>
    ours
      .filter(({ category }) => category === c)
      .map((item) => item[name] ?? item.report.scorers[name].auroc),
  );
  row(`${name} scikit-learn`, theirs);
  row(`${name} hazure`, hazure);
}
const all = (name, key) =>
  perCategory((c) =>
    ours.filter(({ category }) => category === c).map(({ report }) => report.scorers[name][key]),
  );
row('ensemble (default) hazure', all('ensemble', 'auroc'));
console.log('\nfalse alarms at percentile 95, on normals not used for fitting');
for (const name of Object.keys(ours[0].report.scorers)) row(name, all(name, 'falseAlarmRate'));
