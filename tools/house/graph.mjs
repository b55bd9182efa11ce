/** The import graph of the workspace, read from its sources: which file and which room imports which. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

const SKIPPED = new Set([
  'node_modules',
  'dist',
  'build',
  'out-tsc',
  'test-results',
  'testdata',
  '.nx',
  '.git',
]);

/**
 * @typedef {object} Room
 * @property {string} name name of its npm package
 * @property {string} folder from the workspace's root, with slashes
 * @property {string | null} layer what follows `layer:` in its tags
 * @property {readonly string[]} dependencies names in `dependencies` of its package.json
 * @property {readonly string[]} devDependencies names in `devDependencies`
 */

/** @param {string} root @returns {Room[]} every workspace package that declares a layer, by folder */
export function readRooms(root) {
  const { workspaces } = readJson(join(root, 'package.json'));
  const folders = workspaces.flatMap((/** @type {string} */ pattern) =>
    pattern.endsWith('/*') ? childrenOf(root, pattern.slice(0, -2)) : [pattern],
  );
  return folders
    .filter((/** @type {string} */ folder) => existsSync(join(root, folder, 'package.json')))
    .map((/** @type {string} */ folder) => {
      const manifest = readJson(join(root, folder, 'package.json'));
      const tag = manifest.nx?.tags?.find((/** @type {string} */ each) => each.startsWith('layer:'));
      return {
        name: manifest.name,
        folder,
        layer: tag?.slice('layer:'.length) ?? null,
        dependencies: Object.keys(manifest.dependencies ?? {}),
        devDependencies: Object.keys(manifest.devDependencies ?? {}),
      };
    })
    .sort((/** @type {Room} */ a, /** @type {Room} */ b) => (a.folder < b.folder ? -1 : 1));
}

/**
 * Source files below a folder, sorted, with slashes.
 * @param {string} folder
 * @param {RegExp} wanted what the path must match
 * @returns {string[]} absolute paths
 */
export function filesBelow(folder, wanted = /\.(ts|mts|mjs|cjs|js)$/) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesBelow(path, wanted);
      return entry.isFile() && wanted.test(entry.name) ? [path] : [];
    });
}

/**
 * What a source text imports: `import`, `export … from`, `import()` and `import('…').Type`, with or without `type`.
 * @param {string} text
 * @param {string} name decides the language by its ending
 * @returns {{specifier: string, typeOnly: boolean}[]}
 */
export function importsOf(text, name = 'file.ts') {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, false);
  /** @type {{specifier: string, typeOnly: boolean}[]} */
  const found = [];
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: isTypeOnly(node.importClause) });
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const { literal } = node.argument;
      if (ts.isStringLiteral(literal)) found.push({ specifier: literal.text, typeOnly: true });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument)) found.push({ specifier: argument.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** @param {ts.ImportClause | undefined} clause */
function isTypeOnly(clause) {
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const names = clause.namedBindings;
  if (clause.name || !names || !ts.isNamedImports(names)) return false;
  return names.elements.length > 0 && names.elements.every((each) => each.isTypeOnly);
}

/**
 * The file that a relative import means: `./x.js` is `./x.ts` where that exists.
 * @param {string} from absolute path of the importing file
 * @param {string} specifier
 * @returns {string | null} null for packages and for files that are made by a build
 */
export function resolveRelative(from, specifier) {
  if (!specifier.startsWith('.')) return null;
  const plain = resolve(dirname(from), specifier);
  const bare = plain.replace(/\.js$/, '');
  return (
    [`${bare}.ts`, `${bare}.d.ts`, plain, join(bare, 'index.ts')].find((path) => existsSync(path)) ?? null
  );
}

/**
 * Which file imports which, for all files given.
 * @param {readonly string[]} files absolute paths
 * @returns {Map<string, string[]>}
 */
export function fileGraph(files) {
  return new Map(
    files.map((file) => [
      file,
      importsOf(readFileSync(file, 'utf8'), file)
        .map(({ specifier }) => resolveRelative(file, specifier))
        .filter((path) => path !== null),
    ]),
  );
}

/**
 * One circle of each strongly connected part of a graph; empty where there is none.
 * @param {Map<string, readonly string[]>} graph
 * @returns {string[][]} each from a node back to itself
 */
export function circlesOf(graph) {
  /** @type {Map<string, 'open' | 'done'>} */
  const state = new Map();
  /** @type {string[]} */
  const path = [];
  /** @type {string[][]} */
  const circles = [];
  /** @param {string} node */
  const visit = (node) => {
    state.set(node, 'open');
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      if (state.get(next) === 'open') circles.push([...path.slice(path.indexOf(next)), next]);
      else if (!state.has(next) && graph.has(next)) visit(next);
    }
    path.pop();
    state.set(node, 'done');
  };
  for (const node of graph.keys()) if (!state.has(node)) visit(node);
  return circles;
}

/**
 * @typedef {object} RoomImports
 * @property {Set<string>} source rooms that `src` and `bin` import
 * @property {Set<string>} packages npm packages that `src` and `bin` import, node's own and rooms left out
 * @property {Set<string>} elsewhere rooms and packages that specs, tests and benches import
 */

/**
 * What each room's files import beyond the room.
 * @param {string} root @param {readonly Room[]} rooms
 * @returns {Map<string, RoomImports>} by the room's package name
 */
export function roomImports(root, rooms) {
  const names = new Set(rooms.map(({ name }) => name));
  return new Map(
    rooms.map((room) => {
      const found = { source: new Set(), packages: new Set(), elsewhere: new Set() };
      for (const file of filesBelow(join(root, room.folder))) {
        const place = relative(join(root, room.folder), file);
        const shipped = /^(src|bin)\//.test(place) && !/\.spec\.ts$/.test(place);
        for (const { specifier } of importsOf(readFileSync(file, 'utf8'), file)) {
          const name = packageOf(specifier);
          if (name === null || name === room.name) continue;
          if (!shipped) found.elsewhere.add(name);
          else if (names.has(name)) found.source.add(name);
          else found.packages.add(name);
        }
      }
      return [room.name, found];
    }),
  );
}

/** `@scope/name/deep` → `@scope/name`; null for files and for what node brings. @param {string} specifier */
export function packageOf(specifier) {
  if (/^(\.|\/|node:|[a-z]+:\/\/)/.test(specifier)) return null;
  const parts = specifier.split('/');
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
  return /^(@[a-z0-9-]+\/)?[a-z0-9._-]+$/.test(name) ? name : null;
}

/** @param {string} root @param {string} folder */
function childrenOf(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`);
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
