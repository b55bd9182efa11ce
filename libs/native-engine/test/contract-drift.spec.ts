import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { addonPath } from '../src/load-binding.js';
import { repositoryRoot } from './support/fixtures.js';

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');

/** `name(parameter, …)` of every method of RawBinding. */
function declared(): string[] {
  const source = read('libs/native-engine/src/raw-binding.ts');
  const body = /export interface RawBinding \{\n([\s\S]*?)\n\}\n/.exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}(\w+)\(([\s\S]*?)\): /gm)].map((method) => {
    const parameters = [...(method[2] ?? '').matchAll(/(?:^|,)\s*(\w+)\??: /g)].map((found) => found[1]);
    return `${method[1]}(${parameters.join(', ')})`;
  });
}

/** The first column of the table in the reference. */
function documented(): string[] {
  return [...read('docs/reference/native-addon.md').matchAll(/^\| `(\w+\([^)]*\))` +\|/gm)].map(
    (row) => row[1] as string,
  );
}

const nameOf = (signature: string): string => signature.replace(/\(.*/, '');

describe('the addon, its declarations and its reference', () => {
  test('name the same functions with the same parameters', () => {
    expect(declared().length).toBeGreaterThan(8);
    expect(documented()).toEqual(declared());
  });

  test('agree with what the C++ registers and what the compiled addon exports', () => {
    const registered = [...read('native/napi/addon.cpp').matchAll(/\badd\("(\w+)"/g)].map(
      (found) => found[1],
    );
    const exported = Object.keys(createRequire(import.meta.url)(addonPath()) as object);
    expect(registered).toEqual(declared().map(nameOf));
    expect(exported).toEqual(registered);
  });
});
