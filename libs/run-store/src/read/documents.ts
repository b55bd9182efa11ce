import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { ARTIFACTS, type ArtifactKey } from '@hazure/contracts';
import { damaged, misshapen, otherVersion, unreadable } from './artifact-errors.js';

/** JSON documents that do not grow with the images; what grows is read as a stream. */
const LARGEST_DOCUMENT = 2 ** 28;

/** Text of a JSON artifact → its value. @throws InputError ARTIFACT_INVALID, ARTIFACT_VERSION */
export function parseDocument<T>(path: string, text: string, key: ArtifactKey, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged({ path }, `it is no JSON (${(cause as Error).message})`, cause);
  }
  const expected = ARTIFACTS[key].format;
  const format = (value as { format?: unknown } | null)?.format;
  if (format !== expected) throw otherVersion({ path }, expected, format);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw misshapen({ path }, parsed.error);
  return parsed.data;
}

/** @throws InputError ARTIFACT_MISSING, ARTIFACT_INVALID, ARTIFACT_VERSION */
export async function readDocument<T>(path: string, key: ArtifactKey, schema: z.ZodType<T>): Promise<T> {
  return parseDocument(path, await readText(path), key, schema);
}

/** @throws InputError ARTIFACT_MISSING, ARTIFACT_INVALID */
export async function readText(path: string): Promise<string> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > LARGEST_DOCUMENT) throw new Error(`${size} bytes are more than such a file ever has`);
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw unreadable({ path }, cause);
  }
  return text;
}
