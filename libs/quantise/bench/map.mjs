/**
 * Mean average precision of a detector made from fold 0 on fold 1, and of one made from fold 1 on fold 0, pooled:
 *   node libs/quantise/bench/map.mjs FROM_FOLD_0.onnx FROM_FOLD_1.onnx
 */
import { loadEngine } from '@hazure/native-engine';
import { cocoFolds, detectAll, meanAveragePrecision } from './lib.mjs';

const engine = loadEngine();
const folds = await cocoFolds();
const parts = [];
for (const [fold, path] of process.argv.slice(2, 4).entries()) {
  parts.push(await detectAll(engine, path, folds[1 - fold], 1000 * fold));
}
const { ap50, ap5095 } = meanAveragePrecision(
  parts.flatMap(({ truth }) => truth),
  parts.flatMap(({ found }) => found),
);
console.log(`mAP50 ${ap50.toFixed(4)}, mAP50-95 ${ap5095.toFixed(4)}`);
