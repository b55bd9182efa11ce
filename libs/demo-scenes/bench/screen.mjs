/**
 * Which odd ones, at which sizes, does the starter detector find in the demo's scenes? This chose the cast
 * (`libs/demo-scenes/src/cast.ts`).
 *   node libs/demo-scenes/bench/screen.mjs [--scenes 24] [--sizes 110,140,170,195] [--emoji-dir DIR] [CODE=NAME …]
 * Without CODE=NAME it screens today's cast, each in its own range of sizes. Other codes need --emoji-dir, the
 * unpacked `assets` folder of @lobehub/fluent-emoji-3d.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeDetector, REGISTRY } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { EngineDetector, FixedBatches, SharpImageDecoder, walkImages } from '@hazure/vision';
import { ODD_ONES } from '../dist/cast.js';
import { composeDemo, ensureEmoji } from '../dist/index.js';
import { intersectionOverUnion } from '../dist/truth.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scenes: { type: 'string', default: '24' },
    sizes: { type: 'string', default: '110,140,170,195' },
    'emoji-dir': { type: 'string' },
  },
});
const perKind = Number(values.scenes);
const emojiDir = values['emoji-dir'] ?? (await ensureEmoji());
if (positionals.length > 0) {
  const sizes = values.sizes.split(',').map(Number);
  const candidates = positionals.flatMap((pair) => {
    const [code, name] = pair.split('=');
    return sizes.map((size) => ({
      code,
      name: `${name} ${size}`,
      sizePx: [size - 8, size + 8],
      tiltDegrees: 6,
      mirrors: true,
    }));
  });
  ODD_ONES.splice(0, ODD_ONES.length, ...candidates);
}

const detector = await EngineDetector.load(
  loadEngine(),
  await describeDetector(REGISTRY.packs.starter.detector),
  { confidence: 0.3, iou: 0.5, maxDetections: 300, batches: new FixedBatches(4) },
);
const decoder = new SharpImageDecoder();
const folder = mkdtempSync(join(tmpdir(), 'hazure-screen-'));
const seen = new Map();
let others = 0;
try {
  const newImages = 2 * ODD_ONES.length * perKind;
  const { newFolder, truth } = await composeDemo(folder, {
    seed: 2026,
    emojiDir,
    normalImages: 0,
    newImages,
  });
  for (const ref of await walkImages(newFolder)) {
    const planted = truth.find(({ imageId }) => imageId === ref.id);
    const [detections] = await detector.detect([await decoder.decode(ref)]);
    const hits = detections.filter(({ box }) => planted && intersectionOverUnion(box, planted.box) >= 0.3);
    others += detections.length - hits.length;
    if (!planted) continue;
    const best = hits.sort((a, b) => b.confidence - a.confidence)[0];
    seen.set(planted.kind, [...(seen.get(planted.kind) ?? []), best ?? null]);
  }
  console.log(`${(others / newImages).toFixed(2)} other objects per scene`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const [kind, found] of [...seen].sort((a, b) => share(b[1]) - share(a[1]))) {
  const names = new Map();
  for (const hit of found) if (hit) names.set(hit.className, (names.get(hit.className) ?? 0) + 1);
  const list = [...names].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} ${count}`);
  console.log(`${kind.padEnd(22)} ${(100 * share(found)).toFixed(0).padStart(4)}%  ${list.join(', ')}`);
}

function share(found) {
  return found.filter(Boolean).length / found.length;
}
