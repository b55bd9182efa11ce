import { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { extname } from 'node:path';
import { parse } from 'csv-parse';
import { parquetMetadataAsync, parquetReadObjects, type AsyncBuffer } from 'hyparquet';
import { InputError, messageOf } from '@hazure/contracts';
import type { Resource } from '../resource.js';

/** One image of a list, and where in the list it stands. */
export interface Listed {
  readonly text: string;
  /** `photos.csv, line 12` */
  readonly where: string;
  /** Why there is no image in it, when there is none. */
  readonly problem: string | null;
}

const LISTS = new Set(['.txt', '.lst', '.csv', '.tsv', '.jsonl', '.ndjson', '.parquet']);
const COLUMNS = ['image', 'path'];
const ROWS_AT_ONCE = 10_000;

export function isList(name: string): boolean {
  return LISTS.has(extname(name).toLowerCase());
}

/**
 * Images of a list, one at a time: lines (`.txt`), a column `image` or `path` (`.csv`, `.tsv`, `.parquet`), objects with
 * such a key or strings (`.jsonl`).
 *
 * @throws InputError INPUT_INVALID for a list without such a column, or one that can't be parsed
 */
export function readList(resource: Resource): AsyncGenerator<Listed> {
  const { name } = resource;
  switch (extname(new URL(name, 'file:///').pathname).toLowerCase()) {
    case '.csv':
      return readTable(resource, ',');
    case '.tsv':
      return readTable(resource, '\t');
    case '.parquet':
      return readParquet(resource);
    default:
      return readLines(resource.stream(), name);
  }
}

/** Lines, or null-separated names as `find -print0` gives them; lines that are JSON objects or strings are JSON. */
export async function* readLines(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Listed> {
  const lines = createInterface({ input: Readable.from(source), crlfDelay: Infinity });
  let line = 0;
  for await (const raw of lines) {
    line++;
    for (const text of (line === 1 ? raw.replace(/^\ufeff/, '') : raw).split('\0')) {
      if (text.trim() === '') continue;
      const where = `${name}, line ${line}`;
      if (/\.(jsonl|ndjson)$/i.test(name) || /^\s*\{/.test(text)) yield fromJson(text, where);
      else yield { text, where, problem: null };
    }
  }
}

function fromJson(text: string, where: string): Listed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { text: where, where, problem: `it is no JSON: ${messageOf(error)}` };
  }
  return fromValue(value, where);
}

function fromValue(value: unknown, where: string): Listed {
  const record = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  const path = record === null ? value : record[COLUMNS.find((column) => record[column] !== undefined) ?? ''];
  if (typeof path === 'string' && path !== '') return { text: path, where, problem: null };
  return { text: where, where, problem: `it names no image: a text under "image" or "path" was expected` };
}

async function* readTable(resource: Resource, delimiter: string): AsyncGenerator<Listed> {
  const { name } = resource;
  let column = -1;
  const source = Readable.from(resource.stream());
  const parser = source.pipe(
    parse({ delimiter, bom: true, relax_column_count: true, skip_empty_lines: true, info: true }),
  );
  source.on('error', (error) => parser.destroy(error));
  try {
    for await (const each of parser) {
      const { record, info } = each as { record: string[]; info: { lines: number } };
      if (column < 0) {
        const names = record.map((text) => text.trim().toLowerCase());
        column = COLUMNS.map((wanted) => names.indexOf(wanted)).find((at) => at >= 0) ?? -1;
        if (column < 0) throw noColumn(name, record);
        continue;
      }
      yield fromValue(record[column] ?? '', `${name}, line ${info.lines}`);
    }
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw new InputError('INPUT_INVALID', `Can't read the table ${name}: ${messageOf(cause)}`, {
      cause,
      hint: 'Check quotes and separators near that line.',
    });
  }
  if (column < 0) throw noColumn(name, []);
}

async function* readParquet(resource: Resource): AsyncGenerator<Listed> {
  const file: AsyncBuffer = {
    byteLength: resource.size ?? 0,
    slice: async (start, end) => {
      const bytes = await resource.read(start, (end ?? resource.size ?? 0) - start);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    },
  };
  try {
    const metadata = await parquetMetadataAsync(file);
    const names = metadata.schema.slice(1).map((each) => each.name);
    const column = COLUMNS.find((each) => names.includes(each));
    if (column === undefined) throw noColumn(resource.name, names);
    const rows = Number(metadata.num_rows);
    for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
      const part = await parquetReadObjects({
        file,
        metadata,
        columns: [column],
        rowStart: from,
        rowEnd: Math.min(rows, from + ROWS_AT_ONCE),
      });
      for (const [i, row] of part.entries()) yield fromValue(row, `${resource.name}, row ${from + i + 1}`);
    }
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw new InputError(
      'INPUT_INVALID',
      `Can't read the Parquet file ${resource.name}: ${messageOf(cause)}`,
      { cause, hint: 'Write it with a plain or Snappy-compressed text column "image" or "path".' },
    );
  }
}

function noColumn(name: string, columns: readonly string[]): InputError {
  return new InputError(
    'INPUT_INVALID',
    `${name} has no column "image" or "path"; its columns are ${columns.join(', ') || 'none'}`,
    {
      hint: 'Name the column with the images "image" or "path".',
    },
  );
}
