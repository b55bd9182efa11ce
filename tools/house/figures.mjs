/**
 * Figures of the house as it stands: `node tools/house/figures.mjs [FOLDER] [--json]` (default: this checkout).
 * Lines per room, median, 90th percentile and longest of files and functions, names that each room exports, scripts in
 * tools/. Sources only: no specs, no generated files. A function runs from its first to its last line.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { filesBelow } from './graph.mjs';

const root = resolve(process.argv.slice(2).find((word) => !word.startsWith('--')) ?? '.');

/** @param {readonly number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** @param {string} path */
function functionsOf(path) {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  /** @type {{lines: number, parameters: number, where: string}[]} */
  const found = [];
  const lineAt = (/** @type {number} */ position) => source.getLineAndCharacterOfPosition(position).line + 1;
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const [from, to] = [lineAt(node.getStart(source)), lineAt(node.getEnd())];
      found.push({
        lines: to - from + 1,
        parameters: node.parameters.length,
        where: `${relative(root, path)}:${from}`,
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Names that a room's index gives, `export *` followed. @param {string} path @returns {Set<string>} */
function exportedNames(path) {
  /** @type {Set<string>} */
  const names = new Set();
  if (!existsSync(path)) return names;
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, false);
  for (const node of source.statements) {
    if (ts.isExportDeclaration(node)) {
      if (node.exportClause && ts.isNamedExports(node.exportClause)) {
        for (const each of node.exportClause.elements) names.add(each.name.text);
      } else if (node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
        const next = join(path, '..', node.moduleSpecifier.text.replace(/\.js$/, '.ts'));
        for (const name of exportedNames(next)) names.add(name);
      }
    } else if (
      ts.canHaveModifiers(node) &&
      ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    ) {
      if (ts.isVariableStatement(node)) {
        for (const each of node.declarationList.declarations)
          if (ts.isIdentifier(each.name)) names.add(each.name.text);
      } else if ('name' in node && node.name && ts.isIdentifier(/** @type {ts.Node} */ (node.name))) {
        names.add(/** @type {ts.Identifier} */ (node.name).text);
      }
    }
  }
  return names;
}

const folders = ['apps', 'libs'].flatMap((parent) =>
  existsSync(join(root, parent))
    ? readdirSync(join(root, parent))
        .sort()
        .map((name) => `${parent}/${name}`)
    : [],
);
const lineCount = (/** @type {string} */ path) => readFileSync(path, 'utf8').split('\n').length - 1;
/** @type {{path: string, lines: number}[]} */
const files = [];
/** @type {ReturnType<typeof functionsOf>} */
const functions = [];
const rooms = folders.map((folder) => {
  const own = filesBelow(join(root, folder, 'src')).filter(
    (path) => !/\.(spec|generated)\.ts$|\.d\.ts$/.test(path),
  );
  for (const path of own) {
    files.push({ path: relative(root, path), lines: lineCount(path) });
    functions.push(...functionsOf(path));
  }
  return {
    room: folder,
    files: own.length,
    lines: own.reduce((sum, path) => sum + lineCount(path), 0),
    exported: exportedNames(join(root, folder, 'src/index.ts')).size,
  };
});
const longest = (/** @type {readonly {lines: number}[]} */ list) =>
  list.reduce((best, each) => (each.lines > best.lines ? each : best), list[0]);
const spread = (/** @type {readonly {lines: number}[]} */ list) => ({
  count: list.length,
  median: quantile(
    list.map(({ lines }) => lines),
    0.5,
  ),
  p90: quantile(
    list.map(({ lines }) => lines),
    0.9,
  ),
  longest: longest(list),
});
const figures = {
  rooms,
  lines: rooms.reduce((sum, { lines }) => sum + lines, 0),
  exported: rooms.reduce((sum, { exported }) => sum + exported, 0),
  files: { ...spread(files), above300: files.filter(({ lines }) => lines > 300).length },
  functions: {
    ...spread(functions),
    above60: functions.filter(({ lines }) => lines > 60).map(({ where, lines }) => `${where} (${lines})`),
    above5Parameters: functions
      .filter(({ parameters }) => parameters > 5)
      .map(({ where, parameters }) => `${where} (${parameters})`),
  },
  toolScripts: filesBelow(join(root, 'tools'), /\.(mjs|cjs|js|ts|py|sh)$/).length,
};

if (process.argv.includes('--json')) {
  console.log(JSON.stringify(figures, null, 2));
} else {
  for (const { room, files: count, lines, exported } of rooms) {
    console.log(
      `${room.padEnd(26)} ${String(lines).padStart(6)} lines ${String(count).padStart(4)} files ${String(exported).padStart(4)} exported`,
    );
  }
  console.log(
    `${'all'.padEnd(26)} ${String(figures.lines).padStart(6)} lines ${String(files.length).padStart(4)} files ${String(figures.exported).padStart(4)} exported`,
  );
  const say = (
    /** @type {string} */ what,
    /** @type {ReturnType<typeof spread>} */ { median, p90, longest: most },
  ) =>
    console.log(
      `${what}: median ${median}, 90th percentile ${p90}, longest ${most.lines} (${'path' in most ? most.path : 'where' in most ? most.where : ''})`,
    );
  say('lines of a file', figures.files);
  say('lines of a function', figures.functions);
  console.log(`files above 300 lines: ${figures.files.above300}`);
  console.log(
    `functions above 60 lines: ${figures.functions.above60.length}${figures.functions.above60.map((each) => `\n  ${each}`).join('')}`,
  );
  console.log(
    `functions with more than 5 parameters: ${figures.functions.above5Parameters.length}${figures.functions.above5Parameters.map((each) => `\n  ${each}`).join('')}`,
  );
  console.log(`scripts in tools/: ${figures.toolScripts}`);
}
