/**
 * Images with and without something that does not belong, boxes of it, and groups, for `patch-evidence.mjs`:
 * - aligned: one circuit board photographed again and again (simulated: the template moved by up to 4 of 640 pixels,
 *   brightened or darkened, with noise), the real defective twin of the board treated alike;
 * - boards: tiles of boards that all differ; half of the boards are learned;
 * - road: video frames, half of the blocks of 20 frames learned, an object of another photo pasted into half of the rest.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '@hazure/numerics';
import sharp from 'sharp';
import { decode } from './patch-rows.mjs';

const whole = ({ widthPx, heightPx }) => ({ x1: 0, y1: 0, x2: widthPx, y2: heightPx });

function jittered({ data, widthPx, heightPx }, random) {
  const [dx, dy] = [random.nextInt(9) - 4, random.nextInt(9) - 4];
  const gain = 0.8 + 0.3 * random.next();
  const out = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < heightPx; y++) {
    const fromY = Math.min(heightPx - 1, Math.max(0, y + dy));
    for (let x = 0; x < widthPx; x++, at += 3) {
      const from = (fromY * widthPx + Math.min(widthPx - 1, Math.max(0, x + dx))) * 3;
      const noise = 8 * random.nextNormal();
      for (let c = 0; c < 3; c++) {
        out[at + c] = Math.min(255, Math.max(0, gain * (16 + 0.85 * data[from + c]) + noise));
      }
    }
  }
  return { image: { data: out, widthPx, heightPx }, dx, dy };
}

const boxesOf = (folder, name) =>
  readFileSync(join(folder, 'boxes', name.replace(/\.\w+$/, '.txt')), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(/[ ,]+/).map(Number))
    .map(([x1, y1, x2, y2]) => ({ x1, y1, x2, y2 }));

/** @yields one task per board: few images learn, as in a shop that has just begun. */
export async function* alignedTasks(shared, boards = 8, learned = 40) {
  const folder = join(shared, 'data', 'deeppcb');
  const names = readdirSync(join(folder, 'good')).sort();
  for (let board = 0; board < boards; board++) {
    const name = names[Math.floor(((board + 0.5) * names.length) / boards)];
    const random = new Random(board);
    const good = await decode(join(folder, 'good', name));
    const bad = await decode(join(folder, 'defective', name));
    const train = [];
    for (let i = 0; i < learned; i++) {
      const { image } = jittered(good, random);
      train.push({ image, box: whole(image), group: i });
    }
    const test = [];
    const defects = boxesOf(folder, name);
    for (let i = 0; i < 12; i++) {
      const { image } = jittered(good, random);
      test.push({ image, box: whole(image), truth: [] });
      // One defect an image, in the good twin: with all of them every method finds some.
      const shown = jittered(onlyDefect(good, bad, defects, i % defects.length), random);
      const { dx, dy } = shown;
      const at = defects[i % defects.length];
      const truth = [{ x1: at.x1 - dx, y1: at.y1 - dy, x2: at.x2 - dx, y2: at.y2 - dy }];
      test.push({ image: shown.image, box: whole(shown.image), truth });
    }
    yield { family: 'aligned', name, train, test };
  }
}

function onlyDefect(good, bad, defects, kept) {
  const data = Uint8Array.from(good.data);
  const { x1, y1, x2, y2 } = defects[kept];
  for (let y = Math.max(0, y1 - 2); y < Math.min(good.heightPx, y2 + 2); y++) {
    const from = (y * good.widthPx + Math.max(0, x1 - 2)) * 3;
    const to = (y * good.widthPx + Math.min(good.widthPx, x2 + 2)) * 3;
    data.set(bad.data.subarray(from, to), from);
  }
  return { ...good, data };
}

/** @yields one task a seed */
export async function* boardTasks(shared, seeds = [0, 1]) {
  const folder = join(shared, 'data', 'deeppcb');
  const names = readdirSync(join(folder, 'good')).sort().slice(0, 80);
  for (const seed of seeds) {
    const order = new Random(seed).shuffle(names.map((_, i) => i));
    const learned = new Set(order.slice(0, names.length / 2));
    const [train, test] = [[], []];
    for (const [group, name] of names.entries()) {
      for (const kind of learned.has(group) ? ['good'] : ['good', 'defective']) {
        const image = await decode(join(folder, kind, name));
        const defects = kind === 'good' ? [] : boxesOf(folder, name);
        for (let tile = 0; tile < 9; tile++) {
          const side = image.widthPx / 3;
          const [x1, y1] = [Math.round((tile % 3) * side), Math.round(Math.floor(tile / 3) * side)];
          const box = { x1, y1, x2: Math.round(x1 + side), y2: Math.round(y1 + side) };
          const truth = defects.filter((d) => {
            const [x, y] = [(d.x1 + d.x2) / 2, (d.y1 + d.y2) / 2];
            return x >= box.x1 && x < box.x2 && y >= box.y1 && y < box.y2;
          });
          if (kind === 'defective' && truth.length === 0) continue;
          (learned.has(group) ? train : test).push({ image, box, group, truth });
        }
      }
    }
    yield { family: 'boards', name: `seed ${seed}`, train, test };
  }
}

/** @yields one task a seed */
export async function* roadTasks(shared, seeds = [0, 1]) {
  const frames = join(shared, 'data', 'camvid', 'frames');
  const names = readdirSync(frames).sort();
  const objects = await pastedObjects(join(shared, 'data', 'coco128'));
  for (const seed of seeds) {
    const random = new Random(seed);
    const blocks = Math.ceil(names.length / 20);
    const learned = new Set(
      random.shuffle(Array.from({ length: blocks }, (_, i) => i)).slice(0, blocks >> 1),
    );
    const [train, test] = [[], []];
    for (const [i, name] of names.entries()) {
      const block = Math.floor(i / 20);
      const image = await decode(join(frames, name));
      if (learned.has(block)) {
        train.push({ image, box: whole(image), group: block });
        continue;
      }
      const odd = i % 2 === 1;
      const shown = odd
        ? pasted(image, objects[random.nextInt(objects.length)], random)
        : { image, truth: [] };
      test.push({ image: shown.image, box: whole(image), truth: shown.truth });
    }
    yield { family: 'road', name: `seed ${seed}`, train, test };
  }
}

/** Animals, food and furniture, 48 pixels or more, cut out by an ellipse in their box. */
async function pastedObjects(folder) {
  const objects = [];
  for (const name of readdirSync(join(folder, 'images')).sort()) {
    const labels = join(folder, 'labels', name.replace(/\.\w+$/, '.txt'));
    if (!existsSync(labels)) continue;
    for (const line of readFileSync(labels, 'utf8').trim().split('\n')) {
      const [classId, cx, cy, w, h] = line.split(' ').map(Number);
      if (!(classId >= 14 && classId !== 24 && classId !== 26)) continue;
      const image = await decode(join(folder, 'images', name));
      const [width, height] = [Math.round(w * image.widthPx), Math.round(h * image.heightPx)];
      if (Math.min(width, height) < 64) continue;
      const left = Math.max(0, Math.round(cx * image.widthPx - width / 2));
      const top = Math.max(0, Math.round(cy * image.heightPx - height / 2));
      const size = {
        left,
        top,
        width: Math.min(width, image.widthPx - left),
        height: Math.min(height, image.heightPx - top),
      };
      objects.push({ image, size });
    }
  }
  const made = [];
  for (const { image, size } of objects) {
    const raw = { raw: { width: image.widthPx, height: image.heightPx, channels: 3 } };
    const { data, info } = await sharp(image.data, raw)
      .extract(size)
      .resize(72, 72, { fit: 'inside' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    made.push({ data, width: info.width, height: info.height });
  }
  return made;
}

function pasted(image, object, random) {
  const data = Uint8Array.from(image.data);
  const x1 = random.nextInt(image.widthPx - object.width);
  const y1 = random.nextInt(image.heightPx - object.height);
  for (let y = 0; y < object.height; y++) {
    for (let x = 0; x < object.width; x++) {
      const [u, v] = [(2 * x + 1) / object.width - 1, (2 * y + 1) / object.height - 1];
      if (u * u + v * v > 1) continue;
      const from = (y * object.width + x) * 3;
      data.set(object.data.subarray(from, from + 3), ((y1 + y) * image.widthPx + x1 + x) * 3);
    }
  }
  return {
    image: { ...image, data },
    truth: [{ x1, y1, x2: x1 + object.width, y2: y1 + object.height }],
  };
}
