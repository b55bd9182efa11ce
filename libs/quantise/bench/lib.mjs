/** Shared by the measuring scripts: labelled photos in two folds, and mean average precision on them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describeDetector } from '@hazure/models';
import { SharpImageDecoder, walkImages } from '@hazure/vision';

export const sharedDir = fileURLToPath(new URL('../../../../shared/', import.meta.url));
export const sharedModel = (file) => join(sharedDir, 'models', file);

// The vision tests' own definition of average precision, so that both can't drift apart.
const helper = new URL('../../vision/test/average-precision.ts', import.meta.url);
const { outputText } = ts.transpileModule(readFileSync(helper, 'utf8'), {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
});
export const { meanAveragePrecision } = await import(
  `data:text/javascript,${encodeURIComponent(outputText)}`
);

/** The photos of coco128 by reference; fold 0 has the even ones, fold 1 the odd ones. */
export async function cocoFolds() {
  const refs = await walkImages(join(sharedDir, 'data', 'coco128', 'images'));
  return [0, 1].map((fold) => refs.filter((_, i) => i % 2 === fold));
}

const decoder = new SharpImageDecoder();
export const decode = (ref) => decoder.decode(ref);

/** Labels of a photo as pixel boxes. */
export function labelsOf(ref, image) {
  const file = join(sharedDir, 'data', 'coco128', 'labels', ref.id.replace(/\.\w+$/, '.txt'));
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  return lines.filter(Boolean).map((line) => {
    const [classId, cx, cy, w, h] = line.split(' ').map(Number);
    const box = {
      x1: (cx - w / 2) * image.widthPx,
      y1: (cy - h / 2) * image.heightPx,
      x2: (cx + w / 2) * image.widthPx,
      y2: (cy + h / 2) * image.heightPx,
    };
    return { classId, box };
  });
}

/** Everything a detector finds on photos, however unsure, for average precision. */
export async function detectAll(engine, nameOrPath, refs, firstImage = 0) {
  const { model, head, preprocess } = await describeDetector(nameOrPath);
  const detector = await engine.loadDetector({ modelPath: model.path, head, preprocess });
  const found = [];
  const truth = [];
  await Promise.all(
    refs.map(async (ref, i) => {
      const image = await decode(ref);
      const [rows] = await detector.detect([image], { confidence: 0.001, iou: 0.65, maxDetections: 300 });
      for (const label of labelsOf(ref, image)) truth.push({ ...label, image: firstImage + i });
      for (let k = 0; k < rows.length; k += 6) {
        const [x1, y1, x2, y2, confidence, classId] = rows.subarray(k, k + 6);
        found.push({ image: firstImage + i, classId, confidence, box: { x1, y1, x2, y2 } });
      }
    }),
  );
  await detector.close();
  return { found, truth };
}
