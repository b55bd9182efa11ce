import { execFileSync, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { create, Header } from 'tar';
import yazl from 'yazl';
import { bytesOf, idsOf, picture, problemsOf, put, scratchFolder, withInputs } from './kit.js';

const scratch = scratchFolder();
const at = (name: string): string => join(scratch.path, name);

/** One member as its blocks. */
function member(
  path: string,
  body: Buffer,
  how: Partial<Header> & { pax?: Record<string, string>; type?: string } = {},
): Buffer {
  const block = Buffer.alloc(512);
  new Header({
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: new Date(0),
    type: 'File',
    ...how,
  } as never).encode(block, 0);
  const padded = Buffer.alloc(Math.ceil(body.length / 512) * 512);
  body.copy(padded);
  return Buffer.concat([...(how.pax ? [pax(how.pax)] : []), block, padded]);
}

function pax(records: Record<string, string>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest);
    length += String(length + String(length).length).length;
    return `${length}${rest}`;
  });
  return member('PaxHeaders/x', Buffer.from(lines.join('')), { type: 'ExtendedHeader' } as never);
}

const END = Buffer.alloc(1024);

test('long names as pax, GNU and ustar write them; links; hidden and other members', async () => {
  const image = await picture(3);
  const long = `${'folder with a name/'.repeat(9)}${'x'.repeat(120)} ü.png`;
  await put(at(`in/${long}`), image);
  await put(at('in/a/short.png'), image);
  await put(at('in/a/labels.json'), '{}');
  await put(at('in/a/.hidden.png'), image);
  execFileSync('ln', [at('in/a/short.png'), at('in/a/hard.png')]);
  execFileSync('ln', ['-s', 'short.png', at('in/a/soft.png')]);
  for (const format of ['gnu', 'pax', 'oldgnu']) {
    const file = at(`${format}.tar`);
    execFileSync('tar', [`--format=${format}`, '-cf', file, '-C', at('in'), '.']);
    await withInputs([file], {}, async (inputs) => {
      const refs = await inputs.refs();
      expect(refs.map(({ id }) => id)).toEqual(['a/hard.png', 'a/short.png', 'a/soft.png', long]);
      for (const ref of refs) expect((await bytesOf(ref)).equals(image)).toBe(true);
      expect(inputs.leftOut).toMatchObject({ hidden: 1, byExtension: { '.json': 1 } });
    });
  }
});

test('sparse members come whole, in every form that GNU tar writes', async () => {
  const image = await picture(3);
  const file = at('in/sparse.pnm');
  await put(file, Buffer.concat([Buffer.from('P5 1000 1000 255\n'), Buffer.alloc(100)]));
  await truncate(file, 1_000_017);
  await put(at('in/z.png'), image);
  for (const version of ['0.0', '0.1', '1.0', 'old']) {
    const format = version === 'old' ? ['--format=gnu'] : ['--format=posix', `--sparse-version=${version}`];
    execFileSync('tar', [...format, '--sparse', '-cf', at('s.tar'), '-C', at('in'), 'sparse.pnm', 'z.png']);
    await withInputs([at('s.tar')], {}, async (inputs) => {
      const [sparse, after] = await inputs.refs();
      expect([version, sparse.id, after.id]).toEqual([version, 'sparse.pnm', 'z.png']);
      expect((await bytesOf(sparse)).equals(await readFile(file))).toBe(true);
      expect((await bytesOf(after)).equals(image)).toBe(true);
    });
  }
});

test('a cut tar: what is whole is read, what is cut is a failure, in any place of the cut', async () => {
  const images = await Promise.all([1, 2, 3].map((seed) => picture(seed)));
  const whole = Buffer.concat([...images.map((image, i) => member(`${i}.png`, image)), END]);
  const second = member('0.png', images[0]).length;
  const cuts: [number, string[], RegExp][] = [
    [second + 512 + 20, ['0.png'], /truncated in this member: 20 of/],
    [second + 100, ['0.png'], /truncated after 1 members/],
  ];
  for (const [cut, readable, problem] of cuts) {
    await writeFile(at('cut.tar'), whole.subarray(0, cut));
    const problems = await problemsOf([at('cut.tar')]);
    expect(Object.values(problems)).toEqual([expect.stringMatching(problem)]);
    expect((await idsOf([at('cut.tar')])).filter((id) => !(id in problems))).toEqual(readable);
    await writeFile(at('cut.tar.gz'), gzipSync(whole).subarray(0, -30));
    expect(Object.values(await problemsOf([at('cut.tar.gz')])).join()).toMatch(/ends early|truncated/);
  }
  await writeFile(at('bad.tar'), Buffer.concat([member('0.png', images[0]), Buffer.alloc(512, 7), END]));
  expect(Object.values(await problemsOf([at('bad.tar')]))).toEqual([
    expect.stringMatching(/damaged at byte/),
  ]);
});

test('archives joined end to end are read to the last; a later member of one name wins', async () => {
  const [one, two] = await Promise.all([picture(1), picture(2)]);
  await writeFile(
    at('joined.tar'),
    Buffer.concat([
      member('a.png', one),
      member('b.png', one),
      END,
      END,
      member('./a.png', two),
      member('c.png', two),
      END,
    ]),
  );
  await withInputs([at('joined.tar')], {}, async (inputs) => {
    const refs = await inputs.refs();
    expect(refs.map(({ id }) => id)).toEqual(['a.png', 'b.png', 'c.png']);
    expect((await bytesOf(refs[0])).equals(two)).toBe(true);
    expect(inputs.leftOut.duplicates).toBe(1);
  });
});

test('names that lead out of the archive stay inside: zip-slip, absolute, Windows', async () => {
  const image = await picture(1);
  await writeFile(
    at('slip.tar'),
    Buffer.concat([
      member('../../etc/a.png', image),
      member('/full/b.png', image),
      member('x', image, { pax: { path: 'c:/w/../c.png' } }),
      END,
    ]),
  );
  expect(await idsOf([at('slip.tar')])).toEqual(['etc/a.png', 'full/b.png', 'w/c.png']);
  await writeZip(
    at('slip.zip'),
    [
      ['aa/bb/cc.png', image],
      ['dd/ee/ff.png', image],
    ],
    (bytes) =>
      Buffer.from(
        bytes.toString('latin1').replaceAll('aa/bb/', '../../').replaceAll('dd/ee/', '\\ee\\xy'),
        'latin1',
      ),
  );
  expect(await idsOf([at('slip.zip')])).toEqual(['cc.png', 'ee/xyff.png']);
});

async function writeZip(
  path: string,
  members: [string, Buffer, object?][],
  edit: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Promise<string> {
  const file = new yazl.ZipFile();
  for (const [name, body, options] of members) file.addBuffer(body, name, options);
  file.end();
  await pipeline(file.outputStream, createWriteStream(path));
  await writeFile(path, edit(await readFile(path)));
  return path;
}

test('zip: zip64, stored and deflated, a member without an ending, resource forks', async () => {
  const image = await picture(4);
  await writeZip(at('z.zip'), [
    ['d/stored.png', image, { compress: false }],
    ['d/zip64.png', image, { forceZip64Format: true }],
    ['d/image', image],
    ['d/words', Buffer.from('words')],
    ['__MACOSX/d/._stored.png', image],
  ]);
  await withInputs([at('z.zip')], {}, async (inputs) => {
    const refs = await inputs.refs();
    expect(refs.map(({ id }) => id)).toEqual(['image', 'stored.png', 'zip64.png']);
    for (const ref of refs) expect((await bytesOf(ref)).equals(image)).toBe(true);
    expect(inputs.leftOut).toMatchObject({ hidden: 1, byExtension: { '(none)': 1 } });
  });
});

test('zip: encrypted, unknown method, wrong checksum, false size, no directory', async () => {
  const image = await picture(4);
  // the central directory entry begins with PK\1\2; flags stand at 8, method at 10, checksum at 16, size at 24
  const edited =
    (offset: number, value: number, bytes = 2) =>
    (zip: Buffer): Buffer => {
      const entry = zip.indexOf('PK\x01\x02', 'latin1');
      zip.writeUIntLE(value, entry + offset, bytes);
      return zip;
    };
  const cases: [(zip: Buffer) => Buffer, RegExp][] = [
    [edited(8, 0x0801), /encrypted/],
    [edited(10, 14), /method 14/],
    [edited(16, 1, 4), /checksum/],
    [edited(24, 5, 4), /unpack|checksum|size/],
  ];
  for (const [edit, problem] of cases) {
    await writeZip(
      at('bad.zip'),
      [
        ['a.png', image],
        ['b.png', image],
      ],
      edit,
    );
    const problems = await problemsOf([at('bad.zip')]);
    expect(problems).toEqual({ 'a.png': expect.stringMatching(problem) });
  }
  await writeZip(at('cut.zip'), [['a.png', image]], (zip) => zip.subarray(0, -40));
  await expect(idsOf([at('cut.zip')])).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
  await put(at('ok.png'), image);
  expect(Object.keys(await problemsOf([at('cut.zip'), at('ok.png')]))).toEqual(['cut.zip']);
});

test('decompression bombs end in a coded error, not in memory or on disk', async () => {
  const bomb = gzipSync(Buffer.concat([member('a.png', Buffer.alloc(3_000_000)), END]));
  await writeFile(at('bomb.tar.gz'), bomb);
  const limits = { ratioFreeBytes: 1e6, maxUnpackRatio: 20 };
  await expect(idsOf([at('bomb.tar.gz')], { limits })).rejects.toMatchObject({
    code: 'INPUT_INVALID',
    message: expect.stringMatching(/20 times/),
  });
  await writeZip(at('bomb.zip'), [['a.png', Buffer.alloc(3_000_000)]]);
  expect(await problemsOf([at('bomb.zip')], { limits: { maxImageBytes: 1e6 } })).toEqual({
    'a.png': expect.stringMatching(/larger than/),
  });
  const size = String(2 ** 50);
  await writeFile(
    at('sparse.tar'),
    Buffer.concat([
      member('a.png', Buffer.from('x'), {
        pax: { 'GNU.sparse.name': 'a.png', 'GNU.sparse.realsize': size, 'GNU.sparse.map': '0,1' },
      }),
      END,
    ]),
  );
  expect(await problemsOf([at('sparse.tar')])).toEqual({ 'a.png': expect.stringMatching(/unpacks to/) });
});

test('two archives with members of one name: each id begins with its archive', async () => {
  await put(
    at('x/0.tar'),
    Buffer.concat([member('p/1.png', await picture(1)), member('p/2.png', await picture(2)), END]),
  );
  await put(at('x/1.tar'), Buffer.concat([member('p/1.png', await picture(3)), END]));
  expect(await idsOf([at('x/0.tar'), at('x/1.tar')])).toEqual(['0.tar/1.png', '0.tar/2.png', '1.tar/1.png']);
});

test('other packers are refused by name; an empty archive says so', async () => {
  await put(at('a.tar.zst'), Buffer.from('28b52ffd0000', 'hex'));
  await expect(idsOf([at('a.tar.zst')])).rejects.toThrow(/zstd/);
  await put(at('a.gz'), gzipSync('only words'));
  await expect(idsOf([at('a.gz')])).rejects.toThrow(/no tar archive in it/);
  await put(at('empty.tar'), END);
  await expect(idsOf([at('empty.tar')])).rejects.toMatchObject({ code: 'INPUT_EMPTY' });
});

const hasZip = spawnSync('zip', ['-v']).status === 0;
(hasZip ? test : test.skip)('a password, as zip sets it (skipped without zip)', async () => {
  await put(at('a.png'), await picture(1));
  execFileSync('zip', ['-q', '-P', 'secret', at('e.zip'), 'a.png'], { cwd: scratch.path });
  expect(await problemsOf([at('e.zip')])).toEqual({ 'a.png': expect.stringMatching(/encrypted/) });
});

test('a WebDataset: samples of several files', async () => {
  const image = await picture(1, 'jpeg');
  await create({ file: at('w.tar'), cwd: scratch.path }, [
    ...(await Promise.all(
      ['000.jpg', '000.cls', '000.json', '001.jpg', '001.cls'].map(
        async (name) => (await put(at(name), name.endsWith('jpg') ? image : '1'), name),
      ),
    )),
  ]);
  await withInputs([at('w.tar')], {}, async (inputs) => {
    expect((await inputs.refs()).map(({ id }) => id)).toEqual(['000.jpg', '001.jpg']);
    expect(inputs.leftOut.byExtension).toEqual({ '.cls': 2, '.json': 1 });
  });
});
