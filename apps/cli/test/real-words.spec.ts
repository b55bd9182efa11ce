import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hazure, realData, realTest, runFolder } from './hazure.js';

/** Photos without animals are normal; then come photos with giraffes and zebras. Words alone must see them. */
interface DetectedObject {
  readonly className: string;
  readonly outlierFile: string | null;
  readonly probabilityPlot: string | null;
  readonly verdict: {
    readonly outlier: boolean;
    readonly reason: string;
    readonly semantic: {
      readonly reason: string;
      readonly outlier: boolean;
      readonly matches: readonly {
        readonly label: string;
        readonly similarity: number;
        readonly matched: boolean;
      }[];
    };
  };
}

const FIRST_ANIMAL = 14; // bird
const LAST_ANIMAL = 23; // giraffe
const ZEBRA = 22;
const GIRAFFE = 23;
let root: string;
let baseline: string;
let fresh: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hazure-words-'));
  if (!realData) return;
  const labels = join(realData.photos, '../labels');
  const idsOf = (photo: string): number[] =>
    readFileSync(join(labels, photo.replace(/\.\w+$/, '.txt')), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => Number(line.split(' ')[0]));
  const labelled = readdirSync(realData.photos).filter((photo) =>
    readdirSync(labels).includes(photo.replace(/\.\w+$/, '.txt')),
  );
  const normal = labelled.filter((photo) =>
    idsOf(photo).every((id) => id < FIRST_ANIMAL || id > LAST_ANIMAL),
  );
  const strange = labelled.filter((photo) => idsOf(photo).some((id) => id === ZEBRA || id === GIRAFFE));
  fresh = join(root, 'fresh');
  for (const [folder, photos] of [
    [join(root, 'normal'), normal.slice(0, 30)],
    [fresh, [...strange, ...normal.slice(30, 34)]],
  ] as const) {
    mkdirSync(folder);
    for (const photo of photos) cpSync(join(realData.photos, photo), join(folder, photo));
  }
  const { code, stderr } = await hazure(
    ['learn', join(root, 'normal'), '--output-dir', join(root, 'learned'), '--conf-thres', '0.4'].concat(
      realData.models,
    ),
  );
  if (code !== 0) throw new Error(stderr);
  baseline = runFolder(join(root, 'learned'), 'baseline');
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function detect(name: string, args: readonly string[]): Promise<DetectedObject[]> {
  const out = join(root, name);
  const { code, stderr } = await hazure([
    'detect',
    fresh,
    '--baseline',
    baseline,
    '--output-dir',
    out,
    ...args,
  ]);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const text = readFileSync(join(runFolder(out, 'detection'), 'detection_results.json'), 'utf8');
  return (JSON.parse(text) as { objects: DetectedObject[] }).objects;
}

const isStrange = ({ className }: DetectedObject): boolean =>
  className === 'zebra' || className === 'giraffe';

realTest(
  'giraffes and zebras are flagged by words, with the reason; people and cars are not',
  async () => {
    const objects = await detect('words', ['--fusion', 'semantic']);
    const classes = (
      JSON.parse(readFileSync(join(baseline, 'concepts.json'), 'utf8')) as { classes: string[] }
    ).classes;
    expect(classes).not.toContain('zebra');
    const strange = objects.filter(isStrange);
    expect(new Set(strange.map(({ className }) => className))).toEqual(new Set(['zebra', 'giraffe']));
    for (const { verdict, className, probabilityPlot, outlierFile } of strange) {
      expect(verdict.outlier).toBe(true);
      expect(verdict.semantic.reason).toBe('no-common-match');
      expect(verdict.reason).toMatch(
        new RegExp(`^Outlier: its caption “.*${className}.*” names no common concept, the nearest is “`),
      );
      expect(outlierFile).toMatch(/^outliers\//);
      expect(probabilityPlot).toMatch(/^outliers\/.*_probabilities\.png$/);
    }
    const known = objects.filter(({ className }) => classes.includes(className));
    expect(known.length).toBeGreaterThan(5);
    for (const { verdict } of known)
      expect([verdict.outlier, verdict.reason]).toEqual([
        false,
        expect.stringMatching(/^Normal: .*common concept/),
      ]);
  },
  120_000,
);

realTest(
  'potential classes alone flag what they name and nothing else',
  async () => {
    const objects = await detect('potential', [
      ...['--potential-classes', 'giraffe', '--only-additional-candidates', '--fusion', 'semantic'],
      ...['--no-save-descriptions', '--no-save-probability-plots'],
    ]);
    expect(objects.some(({ className }) => className === 'zebra')).toBe(true);
    for (const { className, verdict } of objects) {
      expect([className, verdict.outlier]).toEqual([className, className === 'giraffe']);
      // words that are not kept are not quoted either, but the reason stays
      expect(verdict.reason).toBe(
        className === 'giraffe'
          ? 'Outlier: its caption names the potential anomaly “giraffe” (1.00).'
          : 'Normal: its caption decides nothing.',
      );
    }
  },
  120_000,
);
