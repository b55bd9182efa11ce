import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse as parseCsv } from 'csv-parse/sync';
import sharp from 'sharp';
import { parse as parseYaml } from 'yaml';
import { hazure } from './hazure.js';
import { TinyRun, type Judged, json, ok, text } from './tiny-run.js';

const tiny = new TinyRun();

describe('export, read back', () => {
  const exported = async (to: string): Promise<string> => {
    await ok(['export', tiny.detection, '--to', to, '--out', tiny.at('exports', to), '--quiet']);
    return tiny.at('exports', to);
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
      tiny
        .objects()
        .map(({ imageId, box, cropId, verdict }) => [
          imageId,
          box.x1,
          box.y1,
          box.x2,
          box.y2,
          cropId,
          verdict.outlier,
          verdict.reason,
        ]),
    );
    expect(readdirSync(folder)).toEqual(['annotations.json']);
  });

  test('yolo', async () => {
    const folder = await exported('yolo');
    const { names } = parseYaml(text(folder, 'data.yaml')) as { names: Record<string, string> };
    const verdicts = parseCsv(text(folder, 'verdicts.csv'), { columns: true }) as Record<string, string>[];
    const judged = new Map(tiny.objects().map((object) => [object.cropId, object]));
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
    for (const { imageId, box, verdict } of tiny.objects()) {
      const path = join(folder, imageId.replace('.png', '.json'));
      const file = json<{
        imagePath: string;
        imageWidth: number;
        shapes: { points: number[][]; shape_type: string; flags: { outlier: boolean } }[];
      }>(path);
      expect(resolve(dirname(path), file.imagePath)).toBe(tiny.at('new', imageId));
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
      tiny.objects().map(({ cropId, verdict }) => [cropId, verdict.feature.pValue]),
    );
    expect(Object.keys(rows[0])).toEqual(text(tiny.detection, 'outlier_list.csv').split('\n')[0].split(','));
    await ok(['export', tiny.baseline, '--to', 'csv', '--out', tiny.at('exports/baseline'), '--quiet']);
    expect(parseCsv(text(tiny.at('exports/baseline'), 'objects.csv'), { columns: true })).toHaveLength(96);
  });

  test('annotated: whole images with boxes; what has moved is skipped and counted', async () => {
    const folder = await exported('annotated');
    const flagged = tiny.objects().filter(({ verdict }) => verdict.outlier);
    for (const { imageId, box } of flagged) {
      const { data, info } = await sharp(join(folder, imageId.replace('.png', '.jpg')))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([info.width, info.height]).toEqual([120, 90]);
      const pixel = (Math.round((box.y1 + box.y2) / 2) * 120 + box.x1 + 1) * 3;
      expect(data[pixel]).toBeGreaterThan(data[pixel + 1] + 60); // red
    }
    cpSync(tiny.at('new'), tiny.at('kept'), { recursive: true });
    rmSync(tiny.at('new/good/0.png'));
    const { code, stderr } = await hazure([
      'export',
      tiny.detection,
      '--to',
      'annotated',
      '--out',
      tiny.at('exports/moved'),
    ]);
    cpSync(tiny.at('kept'), tiny.at('new'), { recursive: true });
    expect([code, /1 images were skipped/.test(stderr)]).toEqual([0, true]);
    expect(existsSync(tiny.at('exports/moved/good/0.jpg'))).toBe(false);
  });

  test('into a folder that is not empty is refused', async () => {
    const { code, stderr } = await hazure([
      'export',
      tiny.detection,
      '--to',
      'coco',
      '--out',
      tiny.at('new'),
    ]);
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
    await connection.run(`SET file_search_path = '${tiny.detection}'`);
    const queries = blocks('duckdb.md', 'sql');
    expect(queries.length).toBeGreaterThan(4);
    const counts: number[] = [];
    for (const query of queries) counts.push((await connection.runAndReadAll(query)).getRows().length);
    const outliers = tiny.objects().filter(({ verdict }) => verdict.outlier).length;
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
        tiny.detection,
        '--to',
        'fiftyone',
        '--out',
        join(tiny.detection, 'fiftyone-run'),
        '--quiet',
      ]);
      for (const code of blocks(page, 'python')) {
        execFileSync('python3', ['-c', code], { cwd: tiny.detection, stdio: 'pipe' });
      }
    });
  }
});
