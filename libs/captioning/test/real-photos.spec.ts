import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCandidates, judgeCaptions, fuse, WordNetSimilarity } from '@hazure/concept-matching';
import type { CaptionRequest, FeatureVerdict } from '@hazure/contracts';
import sharp from 'sharp';
import { TemplateCaptioner } from '../src/index.js';

const folder = fileURLToPath(new URL('../../../../shared/data/coco128/', import.meta.url));
const here = existsSync(join(folder, 'labels'));
if (!here) process.stderr.write('skipped: real photos are not there (../shared/data/coco128)\n');

/** The COCO-80 names needed here; other classes are named by their number. */
const NAMES: Record<number, string> = {
  0: 'person', 2: 'car', 5: 'bus', 7: 'truck', 14: 'bird', 15: 'cat', 16: 'dog', 17: 'horse', 18: 'sheep',
  19: 'cow', 20: 'elephant', 21: 'bear', 22: 'zebra', 23: 'giraffe', 56: 'chair', 58: 'potted plant', 60: 'dining table',
}; // prettier-ignore
const ANIMALS = Array.from({ length: 10 }, (_, i) => i + 14);

interface Labelled {
  readonly classId: number;
  readonly request: CaptionRequest;
}

async function objectsOf(name: string): Promise<Labelled[]> {
  const { data, info } = await sharp(join(folder, 'images', `${name}.jpg`))
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const ref = { index: 0, id: `${name}.jpg`, path: name, bytes: 1 };
  const image = { ref, widthPx: info.width, heightPx: info.height, data };
  return labelsOf(name).map(([classId, cx, cy, w, h], i) => ({
    classId,
    request: {
      cropId: `${name}#${i}`,
      region: {
        image,
        box: {
          x1: (cx - w / 2) * info.width,
          y1: (cy - h / 2) * info.height,
          x2: (cx + w / 2) * info.width,
          y2: (cy + h / 2) * info.height,
        },
      },
      className: NAMES[classId] ?? `class ${classId}`,
      confidence: 1,
    },
  }));
}

function labelsOf(name: string): number[][] {
  return readFileSync(join(folder, 'labels', `${name}.txt`), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/).map(Number));
}

const OPTIONS = { lim1: 0.8, lim2: 1, temperature: 0.1 };
const UNREMARKABLE: FeatureVerdict = { score: 0, scores: {}, pValue: 0.5, outlier: false };

(here ? describe : describe.skip)('a baseline without animals, then giraffes and zebras', () => {
  const names = here ? readdirSync(join(folder, 'labels')).map((file) => file.replace('.txt', '')) : [];
  const withoutAnimals = names.filter((name) => labelsOf(name).every(([id]) => !ANIMALS.includes(id)));
  const withStripesOrNecks = names.filter((name) => labelsOf(name).some(([id]) => id === 22 || id === 23));
  const baselineClasses = [
    ...new Set(withoutAnimals.flatMap((name) => labelsOf(name).map(([id]) => NAMES[id] ?? `class ${id}`))),
  ];
  const similarity = new WordNetSimilarity();
  const captioner = new TemplateCaptioner();

  async function judged(sources: Omit<Parameters<typeof buildCandidates>[0], 'baselineClasses'>) {
    const objects = (await Promise.all(withStripesOrNecks.map(objectsOf))).flat();
    const outcomes = await captioner.caption(objects.map(({ request }) => request));
    const captions = outcomes.map((outcome) => {
      if (!outcome.ok) throw new Error(outcome.message);
      return outcome.caption;
    });
    const candidates = buildCandidates({ baselineClasses, ...sources });
    const verdicts = await judgeCaptions(captions, candidates, similarity, OPTIONS);
    return objects.map(({ classId }, i) => ({ classId, verdict: fuse(UNREMARKABLE, verdicts[i], 'any') }));
  }

  test('every giraffe and zebra is flagged by its words, and what the baseline knows is not', async () => {
    const found = await judged({});
    const strange = found.filter(({ classId }) => classId === 22 || classId === 23);
    expect(strange.length).toBeGreaterThanOrEqual(5);
    for (const { verdict } of strange) {
      expect(verdict.outlier).toBe(true);
      expect(verdict.reason).toMatch(
        /^Outlier: its caption “.*(giraffe|zebra).*” names no common concept, the nearest is “/,
      );
    }
    for (const { classId, verdict } of found.filter(({ classId }) => !ANIMALS.includes(classId))) {
      expect([classId, verdict.outlier]).toEqual([
        classId,
        !baselineClasses.includes(NAMES[classId] ?? `class ${classId}`),
      ]);
    }
  });

  test('potential classes alone flag what they name and nothing else', async () => {
    const found = await judged({ potentialClasses: ['giraffe'], onlyAdditional: true });
    expect(found.some(({ classId }) => classId === 22)).toBe(true);
    for (const { classId, verdict } of found) {
      expect([classId, verdict.outlier]).toEqual([classId, classId === 23]);
      if (classId === 23) expect(verdict.reason).toMatch(/names the potential anomaly “giraffe” \(1\.00\)/);
    }
  });

  test('a common concept above them makes them normal', async () => {
    const found = await judged({ conceptFile: ['animal'] });
    for (const { classId, verdict } of found.filter(({ classId }) => ANIMALS.includes(classId))) {
      expect([classId, verdict.outlier]).toEqual([classId, false]);
    }
  });
});
