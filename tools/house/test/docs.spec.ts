import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { parse as parseYaml } from 'yaml';
import { makeTinyModel, paintPicture } from '@hazure/test-kit';
import { renewedLibraryPage } from '../api.mjs';
import { ROOT } from '../architecture.mjs';
import { codeBlocksOf, deadLinks, type CodeBlock } from '../docs.mjs';
import { publishedSchemas, schemaFiles } from '../schemas.mjs';

const blocks = codeBlocksOf(ROOT);
const inLanguage = (...names: string[]): CodeBlock[] =>
  blocks.filter(({ language }) => names.includes(language));
const HAZURE = join(ROOT, 'apps/cli/bin/hazure.cjs');

test('no link leads nowhere', () => {
  expect(deadLinks(ROOT)).toEqual([]);
});

test('the published JSON Schemas are those of the code (node tools/house/schemas.mjs)', async () => {
  expect(publishedSchemas()).toEqual(await schemaFiles());
});

test('docs/reference/library.md has the API as the docstrings say it (node tools/house/api.mjs)', async () => {
  const { page, renewed } = await renewedLibraryPage(ROOT);
  expect(page).toBe(renewed);
});

test('every code block says its language, and one that is checked below or not code at all', () => {
  const known = ['sh', 'js', 'ts', 'python', 'json', 'yaml', 'text', 'cpp', 'cmake', 'csv', 'html', 'sql'];
  expect(
    blocks
      .filter(({ language }) => !known.includes(language))
      .map(({ where, language }) => [where, language]),
  ).toEqual([]);
});

test('JavaScript and TypeScript blocks type-check; names that a reader fills in may be free', () => {
  const FREE_NAME = [2304, 2552, 18004];
  const IMPLICIT_ANY = [7005, 7006, 7031, 7034];
  const names = new Map(
    inLanguage('js', 'ts').map(({ where, text }, i) => [
      join(ROOT, `tools/house/block-${i}.ts`),
      { where, text: /^(import|export) /m.test(text) ? text : `${text}\nexport {};` },
    ]),
  );
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const settings = {
    ...options,
    composite: false,
    declaration: false,
    declarationMap: false,
    noEmit: true,
    noUnusedLocals: false,
  };
  const host = ts.createCompilerHost(settings);
  const read = host.readFile.bind(host);
  const exists = host.fileExists.bind(host);
  const source = host.getSourceFile.bind(host);
  host.readFile = (path) => names.get(path)?.text ?? read(path);
  host.fileExists = (path) => names.has(path) || exists(path);
  host.getSourceFile = (path, ...rest) => {
    const block = names.get(path);
    return block ? ts.createSourceFile(path, block.text, ts.ScriptTarget.ES2023) : source(path, ...rest);
  };
  const program = ts.createProgram([...names.keys()], settings, host);
  const faults = [...names].flatMap(([path, { where }]) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
      .filter(({ code }) => ![...FREE_NAME, ...IMPLICIT_ANY].includes(code))
      .map(({ messageText }) => `${where}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
  expect(faults).toEqual([]);
});

test('JSON and YAML blocks parse', () => {
  for (const { text } of inLanguage('json')) JSON.parse(text);
  for (const { text } of inLanguage('yaml')) parseYaml(text);
});

test('Python blocks compile', () => {
  if (spawnSync('python3', ['--version']).status !== 0) return;
  for (const { where, text } of inLanguage('python')) {
    const { stderr, status } = spawnSync(
      'python3',
      ['-c', 'import sys; compile(sys.stdin.read(), "block", "exec")'],
      {
        input: text,
        encoding: 'utf8',
      },
    );
    expect([where, status, stderr]).toEqual([where, 0, '']);
  }
});

/** Each simple command of a shell block: continued lines joined, comments and pipes cut off. */
function commandsOf(text: string): string[][] {
  return text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .flatMap((line) => line.split(/\s*(?:\|\||&&|[|;])\s*/))
    .map((line) => line.split(/\s+/).filter((word) => !/^[A-Z_]+=/.test(word) && word !== ''))
    .filter((words) => words.length > 0);
}

describe('shell blocks', () => {
  const shell = inLanguage('sh');
  const help = new Map<string, string>();
  const helpOf = (command: readonly string[]): string => {
    const key = command.join(' ');
    const known =
      help.get(key) ?? execFileSync(process.execPath, [HAZURE, ...command, '--help'], { encoding: 'utf8' });
    help.set(key, known);
    return known;
  };

  test('are shell', () => {
    for (const { where, text } of shell) {
      const { stderr, status } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
      expect([where, status, stderr]).toEqual([where, 0, '']);
    }
  });

  test('use commands and flags that hazure has', () => {
    const wrong: string[] = [];
    for (const { where, text } of shell) {
      for (const words of commandsOf(text)) {
        const at = words.indexOf('hazure');
        if (at < 0 || !['', 'npx'].includes(words.slice(0, at).join(' '))) continue;
        const [name, sub, ...rest] = words.slice(at + 1);
        if (name === undefined || name === 'COMMAND' || name.startsWith('-')) continue;
        const command = name === 'models' ? [name, sub] : [name];
        const shown = helpOf(command);
        if (!shown.startsWith(`Usage: hazure ${command.join(' ')}`))
          wrong.push(`${where}: no command ${command.join(' ')}`);
        for (const word of [sub ?? '', ...rest].filter((each) => each.startsWith('--'))) {
          const flag = word.split('=')[0].replaceAll('_', '-');
          const either = [flag, flag.replace('--no-', '--'), flag.replace('--', '--no-'), '--help'];
          if (
            !either.some((each) => new RegExp(`(^|[ ,])${each}(?![\\w-])`, 'm').test(shown)) &&
            flag !== '--help'
          ) {
            wrong.push(`${where}: ${command.join(' ')} has no ${flag}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('run scripts that are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    const wrong: string[] = [];
    for (const { where, text } of shell) {
      for (const [program, ...words] of commandsOf(text)) {
        const script = words.find((word) => /\.(mjs|py|sh)$/.test(word));
        const folder = join(ROOT, where.replace(/[^/]*$/, ''));
        const ours =
          ['node', 'python3', 'python', 'bash'].includes(program) &&
          script !== undefined &&
          !/[<>$…*]/.test(script);
        if (ours && ![join(ROOT, script), join(folder, script)].some((path) => existsSync(path)))
          wrong.push(`${where}: ${script}`);
        if (program === 'npm' && words[0] === 'run' && !(words[1] in scripts))
          wrong.push(`${where}: npm run ${words[1]}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

test('Python reads a run folder as the page says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'house-docs-'));
  makeTinyModel('clip', join(folder, 'clip'));
  for (const [name, count, offset] of [
    ['normal', 14, 0],
    ['new', 4, 90],
  ] as const) {
    mkdirSync(join(folder, name));
    for (let i = 0; i < count; i++) await paintPicture(join(folder, name, `${i}.png`), offset + i, 64, 48);
  }
  const out = join(folder, 'results');
  execFileSync(
    process.execPath,
    [HAZURE, 'run', '--baseline-folder', join(folder, 'normal'), '--test-folder', join(folder, 'new')].concat(
      [
        '--output-dir',
        out,
        '--detector',
        'grid:2x2',
        '--embedder',
        join(folder, 'clip/onnx/vision_model.onnx'),
      ],
      ['--quiet', '--no-save-probability-plots'],
    ),
    { stdio: 'pipe' },
  );
  const detection = readdirSync(out).find((name) => name.startsWith('detection_')) ?? 'none';
  if (spawnSync('python3', ['--version']).status !== 0) return;
  const block = inLanguage('python').find(({ where }) => where.startsWith('docs/reference/run-folder.md'));
  const program = `DETECTION_DIR = ${JSON.stringify(join(out, detection))}\n${block?.text}\nprint("outliers", outliers)`;
  const answer = execFileSync('python3', ['-c', program], { encoding: 'utf8' });
  writeFileSync(join(folder, 'answer.txt'), answer);
  expect(answer).toMatch(/outliers \d+\n$/);
});
