/**
 * What comparing captions on WordNet costs: loading, and microseconds per caption against 80 and 800 labels; a caption
 * by the template captioner (reading pixels) is timed in the same run for scale.
 *
 *   node libs/captioning/bench/wordnet-speed.mjs
 */
import { TemplateCaptioner } from '../dist/index.js';
import { expandWithWordNet, WordNetDatabase, WordNetSimilarity } from '@hazure/concept-matching';

const seeds =
  'person bicycle car bus train truck boat bench bird cat dog horse sheep cow bear zebra bag umbrella tie ball kite bottle cup fork knife spoon bowl apple sandwich orange pizza cake chair couch bed toilet laptop mouse keyboard oven sink book clock vase'.split(
    ' ',
  );
const timed = async (work) => {
  const started = performance.now();
  const result = await work();
  return [performance.now() - started, result];
};

const database = new WordNetDatabase();
const similarity = new WordNetSimilarity(database);
const [loadMs] = await timed(() => similarity.similarities(['a car'], ['truck']));
const many = expandWithWordNet(seeds, database, { relations: ['hyponym', 'part'], limit: 30 }).map(
  ({ label }) => label,
);
const captions = Array.from(
  { length: 20_000 },
  (_, i) =>
    `A small red ${seeds[i % seeds.length]} standing next to a ${many[(i * 7) % many.length]} on the left.`,
);
const figures = { loadMs: Math.round(loadMs) };
for (const count of [80, 800]) {
  const labels = [...seeds, ...many].slice(0, count);
  await similarity.similarities(captions.slice(0, 500), labels);
  const [ms] = await timed(() => similarity.similarities(captions, labels));
  figures[`microsecondsPerCaption${labels.length}Labels`] = Number(
    ((ms * 1000) / captions.length).toFixed(1),
  );
}

const data = Uint8Array.from({ length: 640 * 480 * 3 }, (_, i) => (i * 31) & 255);
const image = { ref: { index: 0, id: 'a', path: 'a', bytes: 1 }, widthPx: 640, heightPx: 480, data };
const requests = Array.from({ length: 5_000 }, (_, i) => ({
  cropId: `a#${i}`,
  region: { image, box: { x1: i % 300, y1: i % 200, x2: 100 + (i % 500), y2: 100 + (i % 350) } },
  className: 'car',
  confidence: 1,
}));
const captioner = new TemplateCaptioner();
await captioner.caption(requests.slice(0, 500));
const [templateMs] = await timed(() => captioner.caption(requests));
figures.microsecondsPerTemplateCaption = Number(((templateMs * 1000) / requests.length).toFixed(1));
console.log(JSON.stringify(figures));
