import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Every file of a run, with what timestamps, timings and the place of the run decide taken out. */
function contents(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (!entry.isFile() || name.startsWith('.shards') || /^timing\./.test(name)) continue;
    const bytes = readFileSync(path);
    const text = /\.(json|jsonl|csv|html)$/.test(name);
    files[name] = text ? timeless(bytes.toString(), folder) : bytes.toString('hex');
  }
  return files;
}

function timeless(text: string, folder: string): string {
  return text
    .replaceAll(join(folder, '..'), 'OUT')
    .replaceAll(/(baseline|detection)_(\d{8}_\d{6}(_\d+)?|shards_[0-9a-f]{12})(\.partial)?/g, '$1_NAME')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?( UTC)?/g, 'TIME')
    .replaceAll(/\{\s*"path": "(timing\.(json|txt)|report\.html|config\.json)"[^}]*\}/g, 'TIMED');
}

/** @throws Error naming the first file that differs; reports are compared through the files they are made of */
export function expectSameRun(folder: string, expected: string): void {
  const [got, want] = [contents(folder), contents(expected)];
  const names = (files: object): string => Object.keys(files).sort().join('\n');
  if (names(got) !== names(want)) throw new Error(`other files:\n${names(got)}\nand not\n${names(want)}`);
  for (const name of Object.keys(want)) {
    // it prints the timings
    if (name !== 'report.html' && got[name] !== want[name])
      throw new Error(`${name} differs: ${firstDifference(got[name], want[name])}`);
  }
  if (Object.keys(want).length < 12) throw new Error('too few files to compare');
}

/** The first line that differs, of both. */
function firstDifference(got: string | undefined, want: string): string {
  const [a, b] = [(got ?? '').split('\n'), want.split('\n')];
  const at = b.findIndex((line, i) => line !== a[i]);
  return `line ${at + 1}: ${a.slice(at - 1, at + 2).join(' ')} and not ${b.slice(at - 1, at + 2).join(' ')}`;
}
