import { symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { parseIndexRanges } from '@hazure/contracts';
import { compareCodePoints, describeLeftOut, openInputs } from '../src/index.js';
import { idsOf, picture, problemsOf, put, scratchFolder, withInputs } from './kit.js';

const scratch = scratchFolder();
const at = (name: string): string => join(scratch.path, name);

test('a walk counts what it leaves out, by ending and by reason', async () => {
  const image = await picture(1);
  for (const name of ['a.png', 'b.JFIF', 'c', 'sub/d.dat', 'e.png', 'f.png']) await put(at(name), image);
  for (const name of ['x.txt', 'y.txt', 'z.CSV', 'noend', '.h.png', '.git/i.png', 'run/j.png'])
    await put(at(name), 'words');
  const leaveOut = (folder: string): boolean => folder === at('run');
  await withInputs([scratch.path], { leaveOut, exclude: ['e.*'], every: 2, limit: 2 }, async (inputs) => {
    expect((await inputs.refs()).map(({ index, id }) => [index, id])).toEqual([
      [0, 'a.png'],
      [1, 'c'],
    ]);
    expect(inputs.leftOut).toEqual({
      byExtension: { '(none)': 1, '.csv': 1, '.txt': 2 },
      hidden: 2,
      runFolders: 1,
      excluded: 1,
      notEveryNth: 2,
      duplicates: 0,
      notSelected: 0,
      beyondLimit: 1,
    });
    expect(describeLeftOut(inputs.leftOut)).toBe(
      'left out: 1 without an ending, 1 .csv, 2 .txt, 2 hidden, 1 run folder, 1 excluded, 2 between every Nth, 1 beyond the limit',
    );
    expect([inputs.total, inputs.listed, inputs.root]).toEqual([2, 3, scratch.path]);
  });
});

test('indices count the listing, and a part has the ids of the whole', async () => {
  for (let i = 0; i < 9; i++) await put(at(`${i % 2}/${i}.png`), await picture(i));
  const whole = await withInputs([scratch.path], {}, (inputs) => inputs.refs());
  const part = await withInputs([scratch.path], { selected: parseIndexRanges('2-3,7'), limit: 2 }, (inputs) =>
    inputs.refs(),
  );
  const plain = ({ index, id }: { index: number; id: string }): [number, string] => [index, id];
  expect(part.map(plain)).toEqual([2, 3].map((i) => plain(whole[i])));
  await expect(openInputs([scratch.path], { selected: parseIndexRanges('99') })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
});

test('exclude: base names, folders, paths, patterns', async () => {
  for (const name of ['a/1.png', 'a/2.png', 'b/1.png', 'b/c/3.png']) await put(at(name), await picture(1));
  const without = (...exclude: string[]): Promise<string[]> => idsOf([scratch.path], { exclude });
  expect(await without('1.png')).toEqual(['a/2.png', 'b/c/3.png']);
  expect(await without('b')).toEqual(['a/1.png', 'a/2.png']);
  expect(await without('b/c/')).toEqual(['a/1.png', 'a/2.png', 'b/1.png']);
  expect(await without('**/1.*', 'b/c/*')).toEqual(['a/2.png']);
  expect(await without(at('a/*'))).toEqual(['b/1.png', 'b/c/3.png']);
  await expect(without('**')).rejects.toThrow(/--exclude/);
});

test('links: followed, never round; what is lost is a failure', async () => {
  await put(at('p/a.png'), await picture(1));
  await symlink(at('p'), at('p/loop'));
  await symlink('..', at('p/up'));
  await symlink('nowhere.jpg', at('p/gone.jpg'));
  await symlink(at('elsewhere'), at('p/linked'));
  await put(at('elsewhere/b.png'), await picture(2));
  await symlink('self.png', at('p/self.png'));
  const ids = await idsOf([at('p')]);
  expect(ids).toEqual(expect.arrayContaining(['a.png', 'gone.jpg', 'linked/b.png', 'self.png']));
  expect(ids.filter((id) => id.split('/').length > 4)).toEqual([]);
  expect(Object.keys(await problemsOf([at('p')]))).toEqual(['gone.jpg', 'self.png']);
});

const root = process.getuid?.() === 0;
(root ? test : test.skip)(
  'a sub-folder that cannot be listed is a failure, the given one an error (skipped without root)',
  async () => {
    await put(at('p/a.png'), await picture(1));
    await put(at('p/locked/b.png'), await picture(2));
    spawnSync('chmod', ['755', dirname(scratch.path), scratch.path, at('p')]);
    spawnSync('chmod', ['000', at('p/locked')]);
    process.seteuid?.(65534);
    try {
      expect(await problemsOf([at('p')])).toEqual({ locked: expect.stringMatching(/can't be listed/) });
      await expect(openInputs([at('p/locked')])).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
    } finally {
      process.seteuid?.(0);
    }
  },
);

test('lists: missing files, folders and nonsense are failures named with their line', async () => {
  await put(at('a b.png'), await picture(1));
  await put(at('1.png'), await picture(2));
  const text = await put(at('l.txt'), `\ufeffa b.png\n\n  1.png  \nnone.png\n.\n`);
  expect(Object.values(await problemsOf([text]))).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/l\.txt, line 4: there is no file none\.png/),
      expect.stringMatching(/l\.txt, line 5: \. is a folder/),
    ]),
  );
  expect((await idsOf([text])).filter((id) => id.endsWith('.png'))).toEqual(['1.png', 'a b.png', 'none.png']);
  const lines = await put(at('l.jsonl'), '{"image": "1.png"}\n{"label": 3}\n{broken\n"a b.png"\n');
  const problems = Object.values(await problemsOf([lines]));
  expect(problems).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/line 2: it names no image/),
      expect.stringMatching(/line 3: it is no JSON/),
    ]),
  );
  const csv = await put(at('l.csv'), 'path,label\n1.png,2\n,3\n"gone\n.png",4\n');
  expect(Object.values(await problemsOf([csv])).sort()).toEqual([
    expect.stringMatching(/line 3: it names no image/),
    expect.stringMatching(/line 5: there is no file gone\n\.png/),
  ]);
});

test('lists without a column, damaged tables, missing inputs: coded errors that say what came', async () => {
  const csv = await put(at('l.csv'), 'file,label\n1.png,2\n');
  await expect(openInputs([csv])).rejects.toMatchObject({
    code: 'INPUT_INVALID',
    message: expect.stringMatching(/file, label/),
  });
  await expect(openInputs([await put(at('q.csv'), 'path\n"a.png\n')])).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  });
  await expect(openInputs([await put(at('p.parquet'), 'PAR1')])).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  });
  await expect(openInputs([at('none')])).rejects.toMatchObject({ code: 'INPUT_MISSING' });
  await expect(openInputs([at('*.png')])).rejects.toMatchObject({ code: 'INPUT_MISSING' });
  await expect(openInputs(['ftp://host/x'])).rejects.toMatchObject({
    code: 'INPUT_MISSING',
    hint: expect.stringMatching(/not ftp/),
  });
  await expect(openInputs([])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(openInputs([await put(at('empty.txt'), '\n')])).rejects.toMatchObject({ code: 'INPUT_EMPTY' });
});

test('a given file is taken whatever it is; a name with a star that is there is meant as it stands', async () => {
  await put(at('words.xyz'), 'words');
  await put(at('a[1].png'), await picture(1));
  expect(await idsOf([at('words.xyz')])).toEqual(['words.xyz']);
  expect(await idsOf([at('a[1].png')])).toEqual(['a[1].png']);
});

test('globs: depth, braces, hidden names, other kinds counted', async () => {
  for (const name of ['a/1.png', 'a/b/2.png', 'c/3.jpg', '.h/4.png', 'a/n.txt'])
    await put(at(name), await picture(1));
  const glob = (pattern: string): Promise<string[]> => idsOf([at(pattern)]);
  expect(await glob('*/*.png')).toEqual(['a/1.png']);
  expect(await glob('**/*.{png,jpg}')).toEqual(['a/1.png', 'a/b/2.png', 'c/3.jpg']);
  expect(await glob('{a,c}/**')).toEqual(expect.arrayContaining(['a/1.png', 'a/b/2.png', 'c/3.jpg']));
  expect(await glob('a/*')).toEqual(['1.png', 'b/2.png', 'n.txt']);
});

test('roots that have nothing in common but the file system still give ids that tell them apart', async () => {
  await put(at('x/y/1.png'), await picture(1));
  await put(at('z/1.png'), await picture(2));
  expect(await idsOf([at('x/y'), at('z')])).toEqual(['x/y/1.png', 'z/1.png']);
  expect(await idsOf([at('x/y')], { root: scratch.path })).toEqual(['x/y/1.png']);
});

test('code point order is the order of UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(Math.sign(compareCodePoints(a, b))).toBe(
        Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
    }),
  );
});

test('the listing is frozen; identity names what is in it', async () => {
  await put(at('a.png'), await picture(1));
  const inputs = await openInputs([scratch.path]);
  await put(at('b.png'), await picture(2));
  expect((await inputs.refs()).map(({ id }) => id)).toEqual(['a.png']);
  const later = await openInputs([scratch.path]);
  expect(later.identity).not.toBe(inputs.identity);
  expect(await withInputs([at('a.png')], {}, async ({ identity }) => identity)).toBe(inputs.identity);
  await Promise.all([inputs.close(), later.close()]);
});

test('the state of a listing is another one when an image was changed, its identity is not', async () => {
  await put(at('a.png'), await picture(1));
  const both = (): Promise<[string, string]> =>
    withInputs([scratch.path], {}, async ({ identity, state }) => [identity, state]);
  const before = await both();
  expect(await both()).toEqual(before);
  await utimes(at('a.png'), 1000, 1000);
  const touched = await both();
  expect(touched[0]).toBe(before[0]);
  expect(touched[1]).not.toBe(before[1]);
  await put(at('a.png'), Buffer.concat([await picture(1), Buffer.of(0)]));
  await utimes(at('a.png'), 1000, 1000);
  const grown = await both();
  expect(grown[0]).toBe(before[0]);
  expect(new Set([before[1], touched[1], grown[1]]).size).toBe(3);
});
