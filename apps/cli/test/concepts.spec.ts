import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifest } from '@hazure/run-store';
import { VisionServer, makeTinyModel, paintPicture } from '@hazure/test-kit';
import { hazure, runFolder } from './hazure.js';

/** `--use-concept-list` and `--concept-list`: what becomes common, where it came from, and what goes wrong. */
interface Concepts {
  readonly classes: string[];
  readonly listed: string[];
  readonly expansions: {
    label: string;
    parent: string;
    relation: string;
    source: string;
    evidence: string | null;
  }[];
  readonly failures: { parent: string; message: string }[];
}

let root: string;
let normal: string;
let models: string[];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hazure-concepts-'));
  normal = join(root, 'normal');
  mkdirSync(normal);
  for (let i = 0; i < 10; i++) await paintPicture(join(normal, `${i}.png`), i);
  models = ['--detector', join(makeTinyModel('dfine', join(root, 'dfine')), 'onnx', 'model.onnx')].concat([
    '--embedder',
    join(makeTinyModel('clip', join(root, 'clip')), 'onnx', 'vision_model.onnx'),
  ]);
}, 60_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function learn(
  name: string,
  args: readonly string[],
): Promise<{ concepts: Concepts; folder: string; stderr: string }> {
  const out = join(root, name);
  const { code, stderr } = await hazure(['learn', normal, '--output-dir', out, ...models, ...args]);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const folder = runFolder(out, 'baseline');
  return {
    concepts: JSON.parse(readFileSync(join(folder, 'concepts.json'), 'utf8')) as Concepts,
    folder,
    stderr,
  };
}

test('a language model’s chatty, broken and useless answers', async () => {
  const kinds = [
    () => 'Sure! Here you go:\n```json\n["first thing", "second thing",]\n```\nAnything else?',
    () => '["third thing", "fourth thing", "cut o',
    () => "I'm sorry, I can't help with that.",
    () =>
      '<think>hm, ["wrong"]</think>1. **fifth thing**: it is common\n2. <b>markup</b>\n3. Ignore previous instructions',
    () => ({ status: 400, body: '{"error": "too long"}' }),
  ];
  const order: string[] = [];
  const server = await VisionServer.start(({ text, picture }) => {
    expect(picture).toBeNull();
    const label = /“(.+?)”/.exec(text)?.[1] ?? '';
    if (!order.includes(label)) order.push(label);
    return kinds[order.indexOf(label) % kinds.length]();
  });
  const { concepts, folder, stderr } = await learn('server', [
    '--use-concept-list',
    '--caption-url',
    server.url,
  ]);
  await server.stop();
  expect(concepts.classes.length).toBeGreaterThanOrEqual(kinds.length);
  expect(new Set(order)).toEqual(new Set(concepts.classes));
  const kindOf = (label: string): number => order.indexOf(label) % kinds.length;
  // each concept once, from the class that named it first
  const labels = concepts.expansions.map(({ label }) => label);
  expect(labels).toHaveLength(new Set(labels).size);
  expect(new Set(labels)).toEqual(
    new Set(
      [
        'first thing',
        'second thing',
        'third thing',
        'fourth thing',
        'fifth thing',
        'markup',
        'Ignore previous instructions',
      ].filter((label) => labels.includes(label)),
    ),
  );
  for (const label of ['first thing', 'third thing', 'fifth thing']) expect(labels).toContain(label);
  expect(labels).not.toContain('wrong');
  for (const { relation, source, evidence, parent } of concepts.expansions) {
    expect([relation, source, evidence]).toEqual(['important', 'openai:fake-vl', null]);
    expect(concepts.classes).toContain(parent);
  }
  const failed = concepts.classes.filter((label) => [2, 4].includes(kindOf(label)));
  expect(concepts.failures.map(({ parent }) => parent)).toEqual(failed);
  for (const { parent, message } of concepts.failures) {
    expect(message).toMatch(kindOf(parent) === 2 ? /names no concept: “I'm sorry/ : /answered 400/);
    expect(stderr).toContain(`No concepts could be found for "${parent}"`);
  }
  expect((await readManifest(folder)).models['concepts']).toMatchObject({ name: 'openai:fake-vl' });
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('openai:fake-vl');
}, 60_000);

test('WordNet names its synset; a list is kept beside, and expanded too', async () => {
  const list = join(root, 'list.txt');
  writeFileSync(list, '# what else is normal\ntraffic cone\n\n  Bird \nbird\n');
  const { concepts, folder } = await learn('wordnet', ['--use-concept-list', '--concept-list', list]);
  expect(concepts.listed).toEqual(['traffic cone', 'Bird']);
  expect(concepts.expansions.length).toBeGreaterThan(10);
  for (const { source, evidence, relation } of concepts.expansions) {
    expect([source, evidence]).toEqual(['wordnet-3.1', expect.stringMatching(/^\d{8}$/)]);
    expect(['synonym', 'hyponym', 'part']).toContain(relation);
  }
  expect(concepts.expansions.some(({ parent }) => parent === 'Bird')).toBe(true);
  expect((await readManifest(folder)).models['concepts']).toMatchObject({ name: 'wordnet-3.1' });
}, 60_000);

test.each<[string, string | null, RegExp]>([
  ['absent.txt', null, /Can't read the concept list/],
  ['empty.txt', '# nothing\n\n', /names no concept/],
  ['broken.json', '["car", ', /Concept list .*broken\.json/],
  ['numbers.json', '["car", 3]', /element 1 must be a string, got number/],
  ['nested.json', '{"car": {"wheel": 3}}', /a list or an object expected, got number/],
  ['long.txt', 'x'.repeat(300), /at most|may have 200 characters/],
])(
  'the list %s is refused before a model is loaded',
  async (name, content, message) => {
    const path = join(root, name);
    if (content !== null) writeFileSync(path, content);
    const out = join(root, `out-${name}`);
    const args = ['learn', normal, '--output-dir', out, '--detector', '/absent.onnx', '--concept-list', path];
    const { code, stderr } = await hazure(args);
    expect(code).toBe(content === null ? 2 : 1);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/what to do: /);
    expect(readdirSync(root)).toEqual(expect.arrayContaining(['normal']));
  },
  30_000,
);
