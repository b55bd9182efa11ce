/**
 * Makes small detectors and embedders in the forms that exporters give (heads × static and open sides × fp16, QDQ and
 * dynamically quantised × weights outside the graph × forms of class names × layouts), lets hazure read each by itself,
 * and compares what it finds with the same numbers worked out here in double. An export is right when its boxes (or
 * vectors) are, or when it is refused with a code and a hint whose declaration, pasted beside the file, makes it right.
 *
 *   node libs/vision/bench/model-forms.mjs [--only NAME] [--json]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { describeDetector, describeEmbedder } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { EngineDetector, EngineEmbedder, FixedBatches } from '@hazure/vision';
import { backbone, HEADS } from './forms/detectors.mjs';
import { embedderModel, EMBEDDERS, embedderTruth, PREPROCESSOR, SIDE } from './forms/embedders.mjs';
import { writeModel } from './forms/graph.mjs';

const WIDTH = 96;
const HEIGHT = 64;
const CONFIDENCE = 0.3;

/** Class names as files give them, and as they are to be read. */
const NAMES = [
  { text: "{0: 'bolt', 1: 'nut', 2: \"driver's seat\"}", names: ['bolt', 'nut', "driver's seat"] },
  { text: '["bolt", "nut", "cap\\u00e9"]', names: ['bolt', 'nut', 'capé'] },
  { text: '{0: 0, 1: 1, 2: 2}', names: ['0', '1', '2'] },
  { text: "['a\\nb', '\\U0001f436', 'c\\x41']", names: ['a\nb', '\u{1f436}', 'cA'] },
  { text: '{"2": "c", "0": "a", "1": "b"}', names: ['a', 'b', 'c'] },
];

const VARIANTS = [
  { title: 'fp32 static', options: {} },
  { title: 'fp32 open sides', options: { dynamic: true } },
  {
    title: 'fp16, weights in model.onnx_data',
    options: { type: 'float16' },
    location: 'model.onnx_data',
    tolerance: 0.12,
  },
  {
    title: 'int8 QDQ, weights in parts/model.onnx.data',
    options: { quantise: 'qdq' },
    location: 'parts/model.onnx.data',
  },
  {
    title: 'int8 dynamic, open sides, weights in model_data_1',
    options: { quantise: 'dynamic', dynamic: true },
    location: 'model_data_1',
  },
  { title: 'NHWC bytes', options: { type: 'uint8', nhwc: true } },
];

const PLAIN = { channelOrder: 'rgb', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] };
const WHOLE = { ...PLAIN, fit: 'stretch', interpolation: 'bilinear', padValue: 0 };
/** Families whose own preparation would change the pixels: the picture here has the model's size and is only scaled. */
const PREPARED = { yolox: PLAIN, rfdetr: PLAIN, detr: PLAIN, mmdeploy: WHOLE };

/** A picture of coloured cells, the same for the same seed. */
export function picture(seed, widthPx, heightPx) {
  const data = new Uint8Array(3 * widthPx * heightPx);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const cell = seed + Math.floor(x / 8) * 7 + Math.floor(y / 8) * 13;
      for (let c = 0; c < 3; c++)
        data[3 * (y * widthPx + x) + c] = Math.abs(Math.round(Math.sin(cell * (c + 1)) * 255));
    }
  }
  return { ref: { index: seed, id: `picture${seed}`, path: '', bytes: 0 }, data, widthPx, heightPx };
}

/** What the detector of forms/detectors.mjs sees in a picture of its size, in double, best first. */
export function truth(image, classes) {
  const { boxes, cells, off } = backbone({ widthPx: WIDTH, heightPx: HEIGHT, classes });
  const found = cells.flatMap(({ stride, x, y }, i) => {
    if (off[i] !== 0) return [];
    const mean = [0, 0, 0];
    for (let v = 0; v < stride; v++) {
      for (let u = 0; u < stride; u++) {
        for (let c = 0; c < 3; c++)
          mean[c] += image.data[3 * ((y * stride + v) * WIDTH + x * stride + u) + c] / 255 / stride ** 2;
      }
    }
    const logits = Array.from({ length: classes }, (_, k) =>
      mean.reduce(
        (sum, value, c) => sum + value * Math.fround(Math.sin(7 * (3 * k + c) + 1) * 9),
        -2 - 0.3 * Math.cos(k),
      ),
    );
    const best = Math.max(...logits);
    const [cx, cy, w, h] = boxes[i];
    return [
      {
        box: [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2],
        score: 1 / (1 + Math.exp(-best)),
        classId: logits.indexOf(best),
      },
    ];
  });
  return found.filter(({ score }) => score > CONFIDENCE).sort((a, b) => b.score - a.score);
}

/** Largest difference of boxes in px and scores; null where other objects were found. */
function difference(came, wanted, names) {
  if (came.length !== wanted.length) return null;
  let worst = 0;
  const left = [...came];
  for (const { box, score, classId } of wanted) {
    // Scores that differ by rounding may change places.
    const distance = ({ box: b }) =>
      Math.max(...[b.x1, b.y1, b.x2, b.y2].map((value, k) => Math.abs(value - box[k])));
    left.sort((a, b) => distance(a) - distance(b));
    const nearest = left.shift();
    if (nearest.className !== names[classId]) return null;
    worst = Math.max(worst, distance(nearest), 10 * Math.abs(nearest.confidence - score));
  }
  return worst;
}

/** One row a case: every head in three variants, and every embedder in two. */
export function allForms() {
  const detectors = Object.keys(HEADS).flatMap((head, i) =>
    [0, 1 + (i % 2), 3 + (i % 3)].map((variant) => ({
      kind: 'detector',
      head,
      variant,
      names: (i + variant) % NAMES.length,
    })),
  );
  const embedders = Object.keys(EMBEDDERS).flatMap((head) =>
    [
      { title: 'fp32 static', options: {} },
      {
        title: 'fp16 open sides, weights in model.onnx_data',
        options: { half: true, dynamic: true },
        location: 'model.onnx_data',
      },
    ].map((variant) => ({ kind: 'embedder', head, variant })),
  );
  return [...detectors, ...embedders];
}

/** @returns `{ title, outcome: 'equal' | 'equal once declared' | 'wrong', detail }` */
export async function tryForm(form, folder) {
  return form.kind === 'detector' ? tryDetector(form, folder) : tryEmbedder(form, folder);
}

async function tryDetector({ head, variant, names: which }, folder) {
  const { title, options, location = null, tolerance = 0.02 } = VARIANTS[variant];
  const { text, names } = NAMES[which];
  const base = backbone({ widthPx: WIDTH, heightPx: HEIGHT, classes: names.length, ...options });
  HEADS[head](base);
  const metadata = { names: text, ...(options.dynamic ? { imgsz: `[${HEIGHT}, ${WIDTH}]` } : {}) };
  const path = join(folder, `${head}-${variant}`, 'model.onnx');
  writeModel(path, base.g.bytes(metadata), location);
  const declare = (declaration) =>
    writeFileSync(path.replace('.onnx', '.hazure.json'), JSON.stringify(declaration));
  const prepared =
    PREPARED[head] && options.type !== 'uint8'
      ? { preprocess: PREPARED[head] }
      : head === 'mmdeploy'
        ? { preprocess: { ...WHOLE, scale: 1 } }
        : {};
  declare(prepared);
  const run = async () => {
    const described = await describeDetector(path, { cacheDir: join(folder, 'cache') });
    const detector = await EngineDetector.load(loadEngine(), described, {
      confidence: CONFIDENCE,
      iou: 0.5,
      maxDetections: 300,
      session: { device: 'cpu', threads: 1 },
      batches: () => new FixedBatches(2),
    });
    try {
      const images = [1, 2, 3].map((seed) => picture(seed, WIDTH, HEIGHT));
      const came = await detector.detect(images);
      const worst = came.map((each, i) => difference(each, truth(images[i], names.length), names));
      if (worst.some((each) => each === null))
        return {
          wrong: `${came.map((each) => each.length)} objects, expected ${images.map((image) => truth(image, names.length).length)}`,
        };
      return {
        worst: Math.max(...worst),
        objects: came.flat().length,
        masks: came.flat().filter(({ mask }) => mask).length,
      };
    } finally {
      await detector.close();
    }
  };
  return judge(`${head}, ${title}, names ${text}`, run, tolerance, (line) =>
    declare({ ...JSON.parse(line), ...prepared }),
  );
}

async function judge(title, run, tolerance, paste) {
  let declared = '';
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const { worst, wrong, objects, masks } = await run();
      if (wrong || worst > tolerance || objects === 0)
        return { title, outcome: 'wrong', detail: wrong ?? `differs by ${worst}` };
      const detail = `${declared}worst difference ${worst.toPrecision(2)}${masks ? `, ${masks} masks` : ''}`;
      return { title, outcome: declared ? 'equal once declared' : 'equal', detail };
    } catch (error) {
      const line = /^\s*[^\n]*?: (\{.*\})$/m.exec(error.hint ?? '')?.[1];
      if (!line || declared)
        return { title, outcome: 'wrong', detail: `${error.code}: ${error.message} ${error.hint ?? ''}` };
      declared = `${error.code}, `;
      paste(line);
    }
  }
}

async function tryEmbedder({ head, variant }, folder) {
  const { title, options, location = null } = variant;
  const { config, declaration } = EMBEDDERS[head];
  const path = join(folder, `${head}-${options.half ? 'fp16' : 'fp32'}`, 'onnx', 'model.onnx');
  writeModel(path, embedderModel(head, options), location);
  const beside = (name, json) => writeFileSync(join(path, '../..', name), JSON.stringify(json));
  beside('preprocessor_config.json', PREPROCESSOR);
  if (config) beside('config.json', config);
  if (declaration) writeFileSync(path.replace('.onnx', '.hazure.json'), JSON.stringify(declaration));
  const run = async () => {
    const described = await describeEmbedder(path, { cacheDir: join(folder, 'cache') });
    const embedder = await EngineEmbedder.load(loadEngine(), described, {
      session: { device: 'cpu', threads: 1 },
      batches: () => new FixedBatches(2),
    });
    try {
      const images = [1, 2, 3].map((seed) => picture(seed, SIDE, SIDE));
      const { data, cols } = await embedder.embed(images.map((image) => ({ image, box: null })));
      let worst = 0;
      for (const [i, image] of images.entries()) {
        const planes = Array.from(
          { length: 3 * SIDE * SIDE },
          (_, at) => image.data[3 * (at % (SIDE * SIDE)) + Math.floor(at / (SIDE * SIDE))] / 255,
        );
        embedderTruth(head, planes).forEach(
          (value, k) => (worst = Math.max(worst, Math.abs(value - data[i * cols + k]))),
        );
      }
      return { worst, objects: images.length };
    } finally {
      await embedder.close();
    }
  };
  return judge(`${head}, ${title}`, run, options.half ? 2e-3 : 1e-5, () => undefined);
}

async function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean' } } });
  const folder = mkdtempSync(join(tmpdir(), 'hazure-forms-'));
  const results = [];
  try {
    for (const form of allForms()) {
      if (values.only && form.head !== values.only) continue;
      const result = await tryForm(form, folder);
      results.push(result);
      if (!values.json) console.log(`${result.outcome.padEnd(20)} ${result.title}: ${result.detail}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
  const summary = {
    exports: results.length,
    equal: count('equal'),
    declared: count('equal once declared'),
    wrong: count('wrong'),
  };
  console.log(values.json ? JSON.stringify({ ...summary, results }, null, 2) : JSON.stringify(summary));
  process.exitCode = summary.wrong > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
