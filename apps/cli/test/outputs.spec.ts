import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse as parseCsv } from 'csv-parse/sync';
import sharp from 'sharp';
import { parse as parseYaml } from 'yaml';
import { readNpy } from '@hazure/run-store';
import { hazure, runFolder } from './hazure.js';
import { makeTinyModel, paintPicture } from '@hazure/test-kit';

/** Learned from 24 pictures, of which the last 8 can also be added later; judged are 8, in the folders good and odd. */
let root: string;
let model: string;
let baseline: string;
let detection: string;
const at = (...parts: string[]): string => join(root, ...parts);
const text = (...parts: string[]): string => readFileSync(join(...parts), 'utf8');
const json = <T>(...parts: string[]): T => JSON.parse(text(...parts)) as T;

interface Judged {
  readonly cropId: string;
  readonly imageId: string;
  readonly box: { x1: number; y1: number; x2: number; y2: number };
  readonly imageWidthPx: number;
  readonly imageHeightPx: number;
  readonly verdict: {
    readonly outlier: boolean;
    readonly feature: { readonly pValue: number; readonly outlier: boolean };
  };
}
const objects = (): Judged[] => json<{ objects: Judged[] }>(detection, 'detection_results.json').objects;

async function ok(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await hazure(args);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}
const learnFlags = (out: string): string[] => [
  ...['--input-root', at('normal'), '--output-dir', at(out), '--quiet', '--detector', 'grid:2x2'],
  ...['--embedder', model, '--threshold-percentile', '80'],
];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hazure-outputs-'));
  model = join(makeTinyModel('clip', at('clip')), 'onnx/vision_model.onnx');
  for (const folder of ['normal/a', 'normal/b', 'new/good', 'new/odd'])
    mkdirSync(at(folder), { recursive: true });
  for (let i = 0; i < 24; i++) await paintPicture(at('normal', i < 16 ? 'a' : 'b', `${i}.png`), i, 120, 90);
  for (let i = 0; i < 8; i++)
    await paintPicture(at('new', i < 4 ? 'good' : 'odd', `${i}.png`), 40 + i, 120, 90);
  for (const name of readdirSync(at('new/odd'))) {
    const path = at('new/odd', name);
    writeFileSync(path, await sharp(readFileSync(path)).negate({ alpha: false }).png().toBuffer());
  }
  await ok(['learn', at('normal/a'), at('normal/b'), ...learnFlags('all')]);
  baseline = runFolder(at('all'), 'baseline');
  const out = await ok([
    ...['detect', at('new'), '--baseline', baseline, '--output-dir', at('judged'), '--quiet'],
    ...['--stream', '--judge-by', 'object'],
  ]);
  detection = runFolder(at('judged'), 'detection');
  writeFileSync(join(detection, 'objects.jsonl'), out);
}, 240_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('detect --stream', () => {
  test('prints what the results hold, in order, and nothing else', () => {
    const lines = text(detection, 'objects.jsonl').trimEnd().split('\n');
    const judged = objects();
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
      ...['detect', at('new'), '--baseline', baseline, '--output-dir', at('refused'), '--stream', ...flags],
    ]);
    expect([code, said.test(stderr)]).toEqual([2, true]);
    expect(existsSync(at('refused')) ? readdirSync(at('refused')) : []).toEqual([]);
  });
});

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
    await ok(['learn', at('normal/a'), ...learnFlags('first')]);
    const first = runFolder(at('first'), 'baseline');
    await ok([
      'learn',
      at('normal/b'),
      '--extend',
      first,
      '--input-root',
      at('normal'),
      '--output-dir',
      at('more'),
      '--quiet',
    ]);
    const more = runFolder(at('more'), 'baseline');
    for (const name of FITTED) {
      expect([name, readFileSync(join(more, name)).equals(readFileSync(join(baseline, name)))]).toEqual([
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
        at('normal/b'),
        '--extend',
        baseline,
        '--detector',
        'grid:3x3',
        '--output-dir',
        at('other'),
      ],
    ]);
    expect([code, /grid/.test(stderr)]).toEqual([2, true]);
  });

  test('accepted false alarms are normal to the features from then on; images stand for all their objects', async () => {
    const flagged = objects().filter(({ verdict }) => verdict.feature.outlier);
    expect(flagged.length).toBeGreaterThan(0);
    writeFileSync(
      at('accept.csv'),
      `image\n${[...new Set(flagged.map(({ imageId }) => imageId))].join('\n')}\n`,
    );
    const grown = JSON.parse(
      await ok([
        'feedback',
        baseline,
        '--accept',
        at('accept.csv'),
        '--run',
        detection,
        '--output-dir',
        at('fed'),
        '--json',
        '--quiet',
      ]),
    ) as { baselineDir: string; accepted: { images: number; objects: number } };
    const images = new Set(flagged.map(({ imageId }) => imageId));
    expect(grown.accepted).toEqual({ images: images.size, objects: 4 * images.size });

    // the rows are those of both runs, in order
    const rows = async (folder: string): Promise<Float32Array> =>
      (await readNpy(join(folder, 'features.npy'))).data as Float32Array;
    const [old, fresh, joined] = [await rows(baseline), await rows(detection), await rows(grown.baselineDir)];
    const cols = fresh.length / objects().length;
    const accepted = objects().flatMap(({ imageId }, row) => (images.has(imageId) ? [row] : []));
    expect(joined).toEqual(
      Float32Array.from([
        ...old,
        ...accepted.flatMap((row) => [...fresh.subarray(row * cols, (row + 1) * cols)]),
      ]),
    );

    await ok([
      'detect',
      at('new'),
      '--baseline',
      grown.baselineDir,
      '--output-dir',
      at('again'),
      '--judge-by',
      'object',
      '--quiet',
    ]);
    const again = json<{ objects: Judged[] }>(
      runFolder(at('again'), 'detection'),
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
    writeFileSync(at('bad.csv'), csv);
    const { code, stderr } = await hazure([
      ...['feedback', baseline, '--accept', at('bad.csv'), '--run', detection, '--output-dir', at('bad')],
    ]);
    expect([code, said.test(stderr)]).toEqual([1, true]);
    expect(existsSync(at('bad')) ? readdirSync(at('bad')) : []).toEqual([]);
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
    JSON.parse(await ok(['evaluate', '--run', detection, '--json', '--quiet', ...flags])) as Evaluation;
  const truth = (lines: string[]): string => {
    writeFileSync(at('truth.csv'), `image,label\n${lines.join('\n')}\n`);
    return at('truth.csv');
  };

  test('absolute paths, relative ones, base names and folders say the same', async () => {
    const ids = [...new Set(objects().map(({ imageId }) => imageId))];
    const label = (id: string): number => Number(id.startsWith('odd'));
    const forms: ((id: string) => string)[] = [
      (id) => id,
      (id) => at('new', id),
      (id) => `new/${id}`,
      (id) => id.slice(id.indexOf('/') + 1),
    ];
    const plot = at('curves.png');
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
    mkdirSync(at('masks/odd'), { recursive: true });
    for (const name of readdirSync(at('new/odd'))) {
      // the left upper tile
      const mask = new Uint8Array(120 * 90).map((_, i) => (i % 120 < 40 && i < 120 * 30 ? 255 : 0));
      await sharp(mask, { raw: { width: 120, height: 90, channels: 1 } })
        .png()
        .toFile(at('masks/odd', name.replace('.png', '_mask.png')));
    }
    const {
      test: images,
      anomalies,
      perObject,
      regions,
      pixel,
      notes,
    } = await evaluate('--masks', at('masks'));
    expect([images, anomalies]).toEqual([8, 4]);
    expect(perObject).toMatchObject({ test: 32, anomalies: 4 });
    const found = objects().filter(
      ({ imageId, verdict, box }) =>
        imageId.startsWith('odd') && verdict.outlier && box.x1 === 0 && box.y1 === 0,
    );
    expect(regions).toEqual({ total: 4, found: found.length });
    expect(pixel).toBeNull();
    expect(notes.join('\n')).toMatch(/no anomaly maps/);
  });

  test('a name that fits two images is refused, naming both', async () => {
    const { code, stderr } = await hazure(['evaluate', '--run', detection, '--truth', truth(['png,1'])]);
    expect([code, /none of the 1 entries/.test(stderr)]).toEqual([1, true]);
    cpSync(detection, at('twins'), { recursive: true });
    for (const file of ['images.jsonl', 'detection_results.json']) {
      writeFileSync(at('twins', file), text(detection, file).replaceAll('odd/4.png', 'odd/0.png'));
    }
    const twins = await hazure(['evaluate', '--run', at('twins'), '--truth', truth(['0.png,1'])]);
    expect(twins.code).toBe(1);
    expect(twins.stderr).toMatch(/could be "good\/0.png" or "odd\/0.png"/);
  });
});

describe('export, read back', () => {
  const exported = async (to: string): Promise<string> => {
    await ok(['export', detection, '--to', to, '--out', at('exports', to), '--quiet']);
    return at('exports', to);
  };

  test('coco', async () => {
    const folder = await exported('coco');
    const coco = json<{
      images: { id: number; file_name: string; width: number; height: number }[];
      categories: { id: number; name: string }[];
      annotations: {
        id: number;
        image_id: number;
        category_id: number;
        bbox: number[];
        attributes: { crop_id: string; outlier: boolean; reason: string };
      }[];
    }>(folder, 'annotations.json');
    const byId = new Map(coco.images.map((image) => [image.id, image]));
    expect(new Set(coco.annotations.map(({ id }) => id)).size).toBe(32);
    expect(
      coco.annotations.map(({ image_id, bbox: [x, y, w, h], attributes }) => [
        byId.get(image_id)?.file_name,
        x,
        y,
        x + w,
        y + h,
        attributes.crop_id,
        attributes.outlier,
        attributes.reason,
      ]),
    ).toEqual(
      objects().map(({ imageId, box, cropId, verdict }) => [
        imageId,
        box.x1,
        box.y1,
        box.x2,
        box.y2,
        cropId,
        verdict.outlier,
        (verdict as unknown as { reason: string }).reason,
      ]),
    );
    expect(readdirSync(folder)).toEqual(['annotations.json']);
  });

  test('yolo', async () => {
    const folder = await exported('yolo');
    const { names } = parseYaml(text(folder, 'data.yaml')) as { names: Record<string, string> };
    const verdicts = parseCsv(text(folder, 'verdicts.csv'), { columns: true }) as Record<string, string>[];
    const judged = new Map(objects().map((object) => [object.cropId, object]));
    expect(verdicts).toHaveLength(32);
    for (const { label_file, line, crop_id, outlier } of verdicts) {
      const [kind, x, y, w, h] = text(folder, label_file)
        .split('\n')
        [Number(line) - 1].split(' ')
        .map(Number);
      const { box, imageWidthPx: width, imageHeightPx: height, verdict } = judged.get(crop_id) as Judged;
      expect(names[kind]).toBe('tile');
      [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height].forEach(
        (value, i) => expect(value).toBeCloseTo([box.x1, box.y1, box.x2, box.y2][i], 4),
      );
      expect(outlier).toBe(String(verdict.outlier));
    }
  });

  test('labelme', async () => {
    const folder = await exported('labelme');
    for (const { imageId, box, verdict } of objects()) {
      const path = join(folder, imageId.replace('.png', '.json'));
      const file = json<{
        imagePath: string;
        imageWidth: number;
        shapes: { points: number[][]; shape_type: string; flags: { outlier: boolean } }[];
      }>(path);
      expect(resolve(dirname(path), file.imagePath)).toBe(at('new', imageId));
      expect(file.imageWidth).toBe(120);
      expect(file.shapes).toContainEqual(
        expect.objectContaining({
          shape_type: 'rectangle',
          points: [
            [box.x1, box.y1],
            [box.x2, box.y2],
          ],
          flags: { outlier: verdict.outlier },
        }),
      );
    }
  });

  test('fiftyone', async () => {
    const folder = await exported('fiftyone');
    const data = json<Record<string, string>>(folder, 'data.json');
    const { classes, labels } = json<{
      classes: string[];
      labels: Record<string, { bounding_box: number[]; attributes: { crop_id: string } }[]>;
    }>(folder, 'labels.json');
    expect(classes).toEqual(['tile']);
    expect(Object.keys(labels)).toEqual(Object.keys(data));
    for (const [key, path] of Object.entries(data)) {
      expect(existsSync(path)).toBe(true);
      for (const { bounding_box, attributes } of labels[key]) {
        expect(path.endsWith(attributes.crop_id.split('#')[0])).toBe(true);
        for (const value of bounding_box) expect(value >= 0 && value <= 1).toBe(true);
      }
    }
  });

  test('csv has the fields of the Parquet file, and a baseline is exported too', async () => {
    const rows = parseCsv(text(await exported('csv'), 'objects.csv'), { columns: true }) as Record<
      string,
      string
    >[];
    expect(rows.map(({ crop_id, p_value }) => [crop_id, Number(p_value)])).toEqual(
      objects().map(({ cropId, verdict }) => [cropId, verdict.feature.pValue]),
    );
    expect(Object.keys(rows[0])).toEqual(text(detection, 'outlier_list.csv').split('\n')[0].split(','));
    await ok(['export', baseline, '--to', 'csv', '--out', at('exports/baseline'), '--quiet']);
    expect(parseCsv(text(at('exports/baseline'), 'objects.csv'), { columns: true })).toHaveLength(96);
  });

  test('annotated: whole images with boxes; what has moved is skipped and counted', async () => {
    const folder = await exported('annotated');
    const flagged = objects().filter(({ verdict }) => verdict.outlier);
    for (const { imageId, box } of flagged) {
      const { data, info } = await sharp(join(folder, imageId.replace('.png', '.jpg')))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([info.width, info.height]).toEqual([120, 90]);
      const pixel = (Math.round((box.y1 + box.y2) / 2) * 120 + box.x1 + 1) * 3;
      expect(data[pixel]).toBeGreaterThan(data[pixel + 1] + 60); // red
    }
    cpSync(at('new'), at('kept'), { recursive: true });
    rmSync(at('new/good/0.png'));
    const { code, stderr } = await hazure([
      'export',
      detection,
      '--to',
      'annotated',
      '--out',
      at('exports/moved'),
    ]);
    cpSync(at('kept'), at('new'), { recursive: true });
    expect([code, /1 images were skipped/.test(stderr)]).toEqual([0, true]);
    expect(existsSync(at('exports/moved/good/0.jpg'))).toBe(false);
  });

  test('into a folder that is not empty is refused', async () => {
    const { code, stderr } = await hazure(['export', detection, '--to', 'coco', '--out', at('new')]);
    expect([code, /it holds 2 files already/.test(stderr)]).toEqual([1, true]);
  });
});

describe('how-to pages', () => {
  const docs = fileURLToPath(new URL('../../../docs/how-to/', import.meta.url));
  const blocks = (page: string, language: string): string[] =>
    [...text(docs, page).matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(
      ([, code]) => code,
    );

  test('every query of duckdb.md runs', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(`SET file_search_path = '${detection}'`);
    const queries = blocks('duckdb.md', 'sql');
    expect(queries.length).toBeGreaterThan(4);
    const counts: number[] = [];
    for (const query of queries) counts.push((await connection.runAndReadAll(query)).getRows().length);
    const outliers = objects().filter(({ verdict }) => verdict.outlier).length;
    expect(counts).toEqual([1, 20, 8, 5 * outliers, 1, outliers]);
    connection.closeSync();
  });

  const python = (module: string): boolean => spawnSync('python3', ['-c', `import ${module}`]).status === 0;
  for (const [page, module] of [
    ['pandas.md', 'pandas, pyarrow'],
    ['fiftyone.md', 'fiftyone'],
  ]) {
    (python(module) ? test : test.skip)(`${page} runs (needs python3 with ${module})`, async () => {
      await ok([
        'export',
        detection,
        '--to',
        'fiftyone',
        '--out',
        join(detection, 'fiftyone-run'),
        '--quiet',
      ]);
      for (const code of blocks(page, 'python')) {
        execFileSync('python3', ['-c', code], { cwd: detection, stdio: 'pipe' });
      }
    });
  }
});
