import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { LAYERS, ROOT, renewedPage } from '../architecture.mjs';
import { circlesOf, fileGraph, filesBelow, importsOf, packageOf, readRooms, roomImports } from '../graph.mjs';

const rooms = readRooms(ROOT);
const layered = rooms.filter(({ layer }) => layer !== 'house');
const imports = roomImports(ROOT, rooms);
const layerOf = new Map(rooms.map(({ name, layer }) => [name, layer]));

test('every workspace package has a layer that the table knows', () => {
  expect(layered.filter(({ layer }) => layer === null || !(layer in LAYERS)).map(({ name }) => name)).toEqual(
    [],
  );
  expect(rooms.length).toBeGreaterThan(20);
});

test.each(layered.map((room) => [room.folder, room] as const))('no arrow of %s leads upward', (_, room) => {
  const may = LAYERS[room.layer as string];
  const upward = [...(imports.get(room.name)?.source ?? [])].filter(
    (name) => !may.includes(layerOf.get(name) as string),
  );
  expect(upward).toEqual([]);
});

test('rooms import in no circle', () => {
  const graph = new Map(rooms.map(({ name }) => [name, [...(imports.get(name)?.source ?? [])]]));
  expect(circlesOf(graph)).toEqual([]);
});

test.each(layered.map(({ folder }) => [folder]))(
  'files of %s import in no circle, types included',
  (folder) => {
    const circles = circlesOf(fileGraph(filesBelow(join(ROOT, folder))));
    expect(
      circles.map((circle) => circle.map((file) => relative(join(ROOT, folder), file)).join(' → ')),
    ).toEqual([]);
  },
);

test.each(layered.map((room) => [room.folder, room] as const))('%s declares what it imports', (_, room) => {
  const { source, packages, elsewhere } = imports.get(room.name) ?? {
    source: new Set<string>(),
    packages: new Set<string>(),
    elsewhere: new Set<string>(),
  };
  const missing = [...source, ...packages].filter((name) => !room.dependencies.includes(name));
  expect(missing).toEqual([]);
  const idle = room.dependencies.filter(
    (name) =>
      name.startsWith('@hazure/') && ![...source, ...elsewhere].includes(name) && name !== '@hazure/native',
  );
  expect(idle).toEqual([]);
});

test('docs/architecture.md shows the rooms as they are (node tools/house/architecture.mjs)', async () => {
  const { page, renewed } = await renewedPage(ROOT);
  expect(page).toBe(renewed);
});

describe('the graph sees', () => {
  test('every way to import, and which are of types alone', () => {
    const text = [
      "import a from 'a';",
      "import type { B } from './b.js';",
      "import { type C } from './c.js';",
      "import { type D, d } from 'd';",
      "export * from './e.js';",
      "const f = await import('f/deep');",
      "type G = import('./g.js').G;",
      "import 'h';",
      'void a;',
    ].join('\n');
    expect(importsOf(text).map(({ specifier, typeOnly }) => [specifier, typeOnly])).toEqual([
      ['a', false],
      ['./b.js', true],
      ['./c.js', true],
      ['d', false],
      ['./e.js', false],
      ['f/deep', false],
      ['./g.js', true],
      ['h', false],
    ]);
    expect(['node:fs', './x', '@s/n/deep', 'n/deep'].map(packageOf)).toEqual([null, null, '@s/n', 'n']);
  });

  test('a circle, also one of types and one over three files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'graph-'));
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/a.ts'), "import type { B } from './b.js';\nexport type A = B;\n");
    writeFileSync(join(folder, 'src/b.ts'), "import { c } from './c.js';\nexport type B = typeof c;\n");
    writeFileSync(join(folder, 'src/c.ts'), "export const c = 1;\nexport type D = import('./a.js').A;\n");
    writeFileSync(join(folder, 'src/d.ts'), "import './a.js';\n");
    const circles = circlesOf(fileGraph(filesBelow(folder)));
    expect(circles).toHaveLength(1);
    expect(circles[0].map((file) => relative(join(folder, 'src'), file))).toEqual([
      'a.ts',
      'b.ts',
      'c.ts',
      'a.ts',
    ]);
  });
});
