import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNpy } from '@hazure/run-store';
import { hazure, runFolder } from './hazure.js';
import { TinyRun, type Judged, json, ok, text } from './tiny-run.js';

const tiny = new TinyRun();

describe('growing a baseline', () => {
  const FITTED = [
    'calibration.json',
    'scorers.json',
    'iso_model.json',
    'reference.json',
    'features.npy',
    'images.jsonl',
  ];

  test('learn --extend equals learning all at once, to the byte, and says where it came from', async () => {
    await ok(['learn', tiny.at('normal/a'), ...tiny.learnFlags('first')]);
    const first = runFolder(tiny.at('first'), 'baseline');
    await ok([
      'learn',
      tiny.at('normal/b'),
      '--extend',
      first,
      '--input-root',
      tiny.at('normal'),
      '--output-dir',
      tiny.at('more'),
      '--quiet',
    ]);
    const more = runFolder(tiny.at('more'), 'baseline');
    for (const name of FITTED) {
      expect([name, readFileSync(join(more, name)).equals(readFileSync(join(tiny.baseline, name)))]).toEqual([
        name,
        true,
      ]);
    }
    const { lineage } = json<{ lineage: { baseline: string; added: object }[] }>(more, 'manifest.json');
    expect(lineage).toMatchObject([
      {
        baseline: first.slice(first.lastIndexOf('/') + 1),
        added: { what: 'images', images: 8, objects: 32 },
      },
    ]);
    for (const line of text(more, 'crops.jsonl').trimEnd().split('\n')) {
      expect(existsSync(join(more, (JSON.parse(line) as { file: string }).file))).toBe(true);
    }
  }, 120_000);

  test('learn --extend refuses other models', async () => {
    const { code, stderr } = await hazure([
      ...[
        'learn',
        tiny.at('normal/b'),
        '--extend',
        tiny.baseline,
        '--detector',
        'grid:3x3',
        '--output-dir',
        tiny.at('other'),
      ],
    ]);
    expect([code, /grid/.test(stderr)]).toEqual([2, true]);
  });

  test('accepted false alarms are normal to the features from then on; images stand for all their objects', async () => {
    const flagged = tiny.objects().filter(({ verdict }) => verdict.feature.outlier);
    expect(flagged.length).toBeGreaterThan(0);
    writeFileSync(
      tiny.at('accept.csv'),
      `image\n${[...new Set(flagged.map(({ imageId }) => imageId))].join('\n')}\n`,
    );
    const grown = JSON.parse(
      await ok([
        'feedback',
        tiny.baseline,
        '--accept',
        tiny.at('accept.csv'),
        '--run',
        tiny.detection,
        '--output-dir',
        tiny.at('fed'),
        '--json',
        '--quiet',
      ]),
    ) as { baselineDir: string; accepted: { images: number; objects: number } };
    const images = new Set(flagged.map(({ imageId }) => imageId));
    expect(grown.accepted).toEqual({ images: images.size, objects: 4 * images.size });

    // the rows are those of both runs, in order
    const rows = async (folder: string): Promise<Float32Array> =>
      (await readNpy(join(folder, 'features.npy'))).data as Float32Array;
    const [old, fresh, joined] = [
      await rows(tiny.baseline),
      await rows(tiny.detection),
      await rows(grown.baselineDir),
    ];
    const cols = fresh.length / tiny.objects().length;
    const accepted = tiny.objects().flatMap(({ imageId }, row) => (images.has(imageId) ? [row] : []));
    expect(joined).toEqual(
      Float32Array.from([
        ...old,
        ...accepted.flatMap((row) => [...fresh.subarray(row * cols, (row + 1) * cols)]),
      ]),
    );

    await ok([
      'detect',
      tiny.at('new'),
      '--baseline',
      grown.baselineDir,
      '--output-dir',
      tiny.at('again'),
      '--judge-by',
      'object',
      '--quiet',
    ]);
    const again = json<{ objects: Judged[] }>(
      runFolder(tiny.at('again'), 'detection'),
      'detection_results.json',
    ).objects;
    const still = new Set(again.filter(({ verdict }) => verdict.feature.outlier).map(({ cropId }) => cropId));
    expect(flagged.filter(({ cropId }) => still.has(cropId))).toEqual([]);
  }, 120_000);

  test.each([
    ['an unknown id', 'crop_id\nnowhere.png#7\n', /1 of 1 ids.*"nowhere.png#7"/],
    ['a file without ids', 'name\nx\n', /neither crop_id nor image/],
    ['nothing', 'crop_id\n', /nothing is accepted/],
  ])('feedback refuses %s', async (_what, csv, said) => {
    writeFileSync(tiny.at('bad.csv'), csv);
    const { code, stderr } = await hazure([
      ...[
        'feedback',
        tiny.baseline,
        '--accept',
        tiny.at('bad.csv'),
        '--run',
        tiny.detection,
        '--output-dir',
        tiny.at('bad'),
      ],
    ]);
    expect([code, said.test(stderr)]).toEqual([1, true]);
    expect(existsSync(tiny.at('bad')) ? readdirSync(tiny.at('bad')) : []).toEqual([]);
  });
});
