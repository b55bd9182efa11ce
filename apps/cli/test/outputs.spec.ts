import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { hazure } from './hazure.js';
import { TinyRun, type Judged, ok, text } from './tiny-run.js';

const tiny = new TinyRun();

describe('detect --stream', () => {
  test('prints what the results hold, in order, and nothing else', () => {
    const lines = tiny.streamed.trimEnd().split('\n');
    const judged = tiny.objects();
    expect(judged.length).toBe(32);
    expect(lines.map((line) => JSON.parse(line) as Judged)).toEqual(
      judged.map((object) => {
        const whole: Record<string, unknown> = { ...object };
        for (const key of ['file', 'outlierFile', 'probabilityPlot', 'map']) delete whole[key];
        return whole;
      }),
    );
  });

  test.each([
    ['with a false discovery rate', ['--fdr', '0.5', '--judge-by', 'object'], /fdr/],
    ['where images are judged', ['--judge-by', 'image'], /judge-by|judgeBy/],
    ['with --json', ['--json'], /--json/],
  ])('is refused %s', async (_what, flags, said) => {
    const { code, stderr } = await hazure([
      ...[
        'detect',
        tiny.at('new'),
        '--baseline',
        tiny.baseline,
        '--output-dir',
        tiny.at('refused'),
        '--stream',
        ...flags,
      ],
    ]);
    expect([code, said.test(stderr)]).toEqual([2, true]);
    expect(existsSync(tiny.at('refused')) ? readdirSync(tiny.at('refused')) : []).toEqual([]);
  });
});

describe('evaluate --run', () => {
  interface Evaluation {
    readonly level: string;
    readonly test: number;
    readonly anomalies: number;
    readonly scorers: Record<string, { auroc: number }>;
    readonly categories: Record<string, { anomalies: number }>;
    readonly perObject: { test: number; anomalies: number } | null;
    readonly regions: { total: number; found: number } | null;
    readonly pixel: null;
    readonly notes: string[];
  }
  const evaluate = async (...flags: string[]): Promise<Evaluation> =>
    JSON.parse(await ok(['evaluate', '--run', tiny.detection, '--json', '--quiet', ...flags])) as Evaluation;
  const truth = (lines: string[]): string => {
    writeFileSync(tiny.at('truth.csv'), `image,label\n${lines.join('\n')}\n`);
    return tiny.at('truth.csv');
  };

  test('absolute paths, relative ones, base names and folders say the same', async () => {
    const ids = [...new Set(tiny.objects().map(({ imageId }) => imageId))];
    const label = (id: string): number => Number(id.startsWith('odd'));
    const forms: ((id: string) => string)[] = [
      (id) => id,
      (id) => tiny.at('new', id),
      (id) => `new/${id}`,
      (id) => id.slice(id.indexOf('/') + 1),
    ];
    const plot = tiny.at('curves.png');
    const expected = await evaluate('--truth', 'folders:good=good', '--plot', plot);
    expect(expected).toMatchObject({
      level: 'image',
      test: 8,
      anomalies: 4,
      categories: { odd: { anomalies: 4 } },
    });
    expect((await sharp(plot).metadata()).format).toBe('png');
    for (const form of forms) {
      const { scorers } = await evaluate('--truth', truth(ids.map((id) => `${form(id)},${label(id)}`)));
      expect(scorers).toEqual(expected.scorers);
    }
  }, 120_000);

  test('masks tell images and objects, and how many regions were found', async () => {
    mkdirSync(tiny.at('masks/odd'), { recursive: true });
    for (const name of readdirSync(tiny.at('new/odd'))) {
      // the left upper tile
      const mask = new Uint8Array(120 * 90).map((_, i) => (i % 120 < 40 && i < 120 * 30 ? 255 : 0));
      await sharp(mask, { raw: { width: 120, height: 90, channels: 1 } })
        .png()
        .toFile(tiny.at('masks/odd', name.replace('.png', '_mask.png')));
    }
    const {
      test: images,
      anomalies,
      perObject,
      regions,
      pixel,
      notes,
    } = await evaluate('--masks', tiny.at('masks'));
    expect([images, anomalies]).toEqual([8, 4]);
    expect(perObject).toMatchObject({ test: 32, anomalies: 4 });
    const found = tiny
      .objects()
      .filter(
        ({ imageId, verdict, box }) =>
          imageId.startsWith('odd') && verdict.outlier && box.x1 === 0 && box.y1 === 0,
      );
    expect(regions).toEqual({ total: 4, found: found.length });
    expect(pixel).toBeNull();
    expect(notes.join('\n')).toMatch(/no anomaly maps/);
  });

  test('a name that fits two images is refused, naming both', async () => {
    const { code, stderr } = await hazure(['evaluate', '--run', tiny.detection, '--truth', truth(['png,1'])]);
    expect([code, /none of the 1 entries/.test(stderr)]).toEqual([1, true]);
    cpSync(tiny.detection, tiny.at('twins'), { recursive: true });
    for (const file of ['images.jsonl', 'detection_results.json']) {
      writeFileSync(tiny.at('twins', file), text(tiny.detection, file).replaceAll('odd/4.png', 'odd/0.png'));
    }
    const twins = await hazure(['evaluate', '--run', tiny.at('twins'), '--truth', truth(['0.png,1'])]);
    expect(twins.code).toBe(1);
    expect(twins.stderr).toMatch(/could be "good\/0.png" or "odd\/0.png"/);
  });
});
