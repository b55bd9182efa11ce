/** Made-up but lifelike data for looking at plots and pages: seeded, no models needed. */
import { createCanvas } from '@napi-rs/canvas';

/** Small seeded generator; the libraries' own one is not needed here. */
export function seeded(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next());
  return { next, normal, pick: (list) => list[Math.floor(next() * list.length)] };
}

export const CLASSES = [
  'car',
  'truck',
  'person',
  'bicycle',
  'bus',
  'traffic light',
  'motorcycle',
  'dog',
  'bench',
  'stop sign',
  'umbrella',
  'backpack',
  'handbag',
  'bird',
  'cat',
  'horse',
  'skateboard',
  'potted plant',
  'teddy bear',
  'cell phone',
];

/** Gaussian blobs, one per class, sizes falling like 1 / rank. */
export function clusters(n, seed) {
  const random = seeded(seed);
  const centres = CLASSES.map(() => [random.normal() * 30, random.normal() * 24, 2 + 4 * random.next()]);
  const points = new Float32Array(2 * n);
  const labels = [];
  for (let i = 0; i < n; i++) {
    const rank = Math.min(CLASSES.length - 1, Math.floor((CLASSES.length + 1) ** random.next()) - 1);
    const [x, y, spread] = centres[rank];
    points[2 * i] = x + random.normal() * spread;
    points[2 * i + 1] = y + random.normal() * spread;
    labels.push(CLASSES[rank]);
  }
  return { points, labels };
}

/** A little picture as a JPEG: a coloured shape on a gradient, so that thumbnails differ. */
export function picture(widthPx, heightPx, hue, text) {
  const canvas = createCanvas(widthPx, heightPx);
  const context = canvas.getContext('2d');
  const gradient = context.createLinearGradient(0, 0, widthPx, heightPx);
  gradient.addColorStop(0, `hsl(${hue} 30% 72%)`);
  gradient.addColorStop(1, `hsl(${(hue + 40) % 360} 25% 42%)`);
  context.fillStyle = gradient;
  context.fillRect(0, 0, widthPx, heightPx);
  context.fillStyle = `hsl(${(hue + 180) % 360} 65% 55%)`;
  context.beginPath();
  context.roundRect(widthPx * 0.22, heightPx * 0.3, widthPx * 0.56, heightPx * 0.42, heightPx * 0.12);
  context.fill();
  context.fillStyle = '#fff';
  context.font = `bold ${Math.round(heightPx / 9)}px sans-serif`;
  context.textAlign = 'center';
  context.fillText(text, widthPx / 2, heightPx * 0.55);
  return canvas.toBuffer('image/jpeg', 80);
}
