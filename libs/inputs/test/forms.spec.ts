import { createWriteStream } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createHash } from 'node:crypto';
import { create } from 'tar';
import yazl from 'yazl';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { bytesOf, picture, put, scratchFolder, serve, withInputs } from './kit.js';
import { startS3 } from './s3.js';
import type { InputOptions } from '../src/index.js';

const scratch = scratchFolder();

/** Names in an order that no file system keeps, same base names in two folders, letters that sort differently in UTF-16. */
const NAMES = [
  'b/2.png',
  'a/1.png',
  'a/10.png',
  'a/2.png',
  'b/1.png',
  'ü/ﬀ x.png',
  'ü/😀.png',
  'Z.png',
  'no-ending',
  'a/wrong.dat',
];

async function photos(folder: string): Promise<void> {
  for (const [i, name] of NAMES.entries()) await put(join(folder, name), await picture(i + 1));
  await put(join(folder, 'a/labels.txt'), 'not an image');
  await put(join(folder, '.hidden.png'), await picture(99));
}

async function zip(folder: string, to: string, prefix = ''): Promise<string> {
  const file = new yazl.ZipFile();
  for (const name of [...NAMES].reverse()) file.addFile(join(folder, name), prefix + name);
  file.end();
  await pipeline(file.outputStream, createWriteStream(to));
  return to;
}

/** What a run depends on: indices, ids, bytes. */
async function fingerprint(args: string[], options: InputOptions = {}): Promise<unknown[]> {
  return withInputs(args, options, async (inputs) => {
    const seen: unknown[] = [inputs.total];
    for await (const ref of inputs.images()) {
      seen.push([
        ref.index,
        ref.id,
        createHash('sha256')
          .update(await bytesOf(ref))
          .digest('hex'),
      ]);
    }
    return seen;
  });
}

test('the same images give the same ids, order and bytes in every form', async () => {
  const root = scratch.path;
  const folder = join(root, 'photos');
  await photos(folder);
  const absolute = NAMES.map((name) => join(folder, name));
  const want = await fingerprint([folder]);
  expect(want).toHaveLength(NAMES.length + 1);
  expect((want.slice(1) as [number, string][]).map(([, id]) => id)).toEqual(
    [...NAMES].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))),
  );

  const forms: Record<string, string[]> = {
    'files one by one': [...absolute].reverse(),
    'two of its folders and the rest': [
      join(folder, 'b'),
      join(folder, 'a'),
      join(folder, 'ü'),
      join(folder, 'Z.png'),
      join(folder, 'no-ending'),
    ],
    glob: [join(folder, '**')],
    'a folder twice': [folder, `${folder}/`, join(folder, 'a')],
    'absolute list': [await put(join(root, 'elsewhere/all.txt'), absolute.join('\r\n'))],
    'relative list': [await put(join(root, 'list.txt'), NAMES.map((name) => `photos/${name}`).join('\n'))],
    'list inside': [await put(join(folder, '.list.txt'), NAMES.join('\n'))],
    'csv, quoted': [
      await put(
        join(root, 'list.csv'),
        `label,Image\n${NAMES.map((name) => `"a ""b"",\nc","photos/${name}"`).join('\n')}\n`,
      ),
    ],
    jsonl: [
      await put(
        join(root, 'list.jsonl'),
        NAMES.map((name) => JSON.stringify({ path: `photos/${name}`, label: 1 })).join('\n'),
      ),
    ],
    parquet: [
      await put(
        join(root, 'list.parquet'),
        new Uint8Array(
          parquetWriteBuffer({ columnData: [{ name: 'path', data: absolute, type: 'STRING' }] }),
        ),
      ),
    ],
    zip: [await zip(folder, join(root, 'flat.zip'))],
    'zip of the folder': [await zip(folder, join(root, 'deep.zip'), 'x/photos/')],
  };
  for (const [name, cwd, entry] of [
    ['flat', folder, '.'],
    ['deep', root, 'photos'],
  ]) {
    for (const gzip of [false, true]) {
      const file = join(root, `${name}.${gzip ? 'tgz' : 'tar'}`);
      await create({ file, cwd, gzip }, [entry]);
      forms[`${name}, ${gzip ? 'gzip' : 'tar'}`] = [file];
    }
  }
  for (const [form, args] of Object.entries(forms)) {
    expect([form, ...(await fingerprint(args))]).toEqual([form, ...want]);
  }
  const lines = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(NAMES.join('\0'));
  };
  expect(await fingerprint(['-'], { cwd: folder, stdin: lines() })).toEqual(want);
});

test('a listing that does not fit in memory is the same', async () => {
  const folder = join(scratch.path, 'photos');
  await photos(folder);
  for (const entriesInMemory of [1, 3, 7]) {
    const limits = { entriesInMemory };
    expect(await fingerprint([folder], { limits })).toEqual(await fingerprint([folder]));
    await withInputs([folder], { limits }, async (inputs) => {
      const tail: number[] = [];
      for await (const { index } of inputs.images(7)) tail.push(index);
      expect(tail).toEqual([7, 8, 9]);
    });
  }
});

test('archives cut in two, and both read, are one', async () => {
  const folder = join(scratch.path, 'photos');
  await photos(folder);
  const parts = [NAMES.slice(0, 4), NAMES.slice(4)];
  for (const [i, part] of parts.entries())
    await create({ file: join(scratch.path, `${i}.tar`), cwd: folder }, part);
  expect(await fingerprint([join(scratch.path, '*.tar')])).toEqual(await fingerprint([folder]));
});

test('over HTTP: a folder page, a list, archives with and without ranges', async () => {
  const root = scratch.path;
  const folder = join(root, 'photos');
  await photos(folder);
  await create({ file: join(root, 'all.tar'), cwd: folder }, NAMES);
  await create({ file: join(root, 'all.tar.gz'), cwd: folder, gzip: true }, NAMES);
  await zip(folder, join(root, 'all.zip'));
  await put(join(root, 'list.txt'), NAMES.map((name) => `photos/${name}`).join('\n'));
  const want = await fingerprint([folder]);
  const server = await serve(root);
  const plain = await serve(root, (request) => {
    delete request.headers.range;
    return false;
  });
  try {
    for (const { url } of [server, plain]) {
      for (const path of ['photos/', 'list.txt', 'all.tar', 'all.tar.gz', 'all.zip']) {
        expect([path, ...(await fingerprint([`${url}/${path}`]))]).toEqual([path, ...want]);
      }
    }
    await put(
      join(root, 'urls.txt'),
      NAMES.map((name) => `${server.url}/photos/${encodeURI(name)}`).join('\n'),
    );
    expect(await fingerprint([join(root, 'urls.txt')])).toEqual(want);
  } finally {
    await server.close();
    await plain.close();
  }
});

test('from an S3-compatible server: a prefix, a pattern, an archive, a list', async () => {
  const root = scratch.path;
  const folder = join(root, 'photos');
  await photos(folder);
  const want = await fingerprint([folder]);
  const s3 = await startS3(join(root, 's3'), ['bucket']);
  try {
    for (const name of [...NAMES, 'a/labels.txt', '.hidden.png'])
      await s3.put('bucket', `deep/photos/${name}`, await readFile(join(folder, name)));
    await s3.put('bucket', 'deep/photos2.png', await picture(50));
    await create({ file: join(root, 'all.tar'), cwd: folder }, NAMES);
    await s3.put('bucket', 'all.tar', await readFile(join(root, 'all.tar')));
    await s3.put('bucket', 'all.zip', await readFile(await zip(folder, join(root, 'all.zip'))));
    await s3.put('bucket', 'deep/list.txt', Buffer.from(NAMES.map((name) => `photos/${name}`).join('\n')));
    for (const address of [
      'deep/photos/',
      'deep/photos',
      'deep/photos/**',
      'all.tar',
      'all.zip',
      'deep/list.txt',
    ]) {
      expect([address, ...(await fingerprint([`s3://bucket/${address}`], { env: s3.env }))]).toEqual([
        address,
        ...want,
      ]);
    }
    await expect(fingerprint(['s3://bucket/none/'], { env: s3.env })).rejects.toMatchObject({
      code: 'INPUT_MISSING',
    });
    await expect(fingerprint(['s3://nobucket/x'], { env: s3.env })).rejects.toMatchObject({
      code: expect.stringMatching(/INPUT_(MISSING|UNREADABLE)/),
    });
  } finally {
    await s3.close();
  }
});

const coco = join(import.meta.dirname, '../../../../shared/data/coco128/images');
const there = await readdir(coco).then(
  () => true,
  () => false,
);
(there ? test : test.skip)('128 photos: folder and tar agree (skipped without shared data)', async () => {
  const file = join(scratch.path, 'coco.tar');
  await create({ file, cwd: join(coco, '..') }, ['images']);
  const want = await fingerprint([coco]);
  expect(want).toHaveLength(129);
  expect(await fingerprint([file])).toEqual(want);
});
