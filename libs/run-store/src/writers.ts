import { stringify } from 'csv-stringify/sync';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ParquetColumn, RecordWriter } from '@hazure/contracts';
import { AtomicStream, type Written } from './atomic.js';

/** The run folder makes what it needs; nothing above it is made again. */
const WITHIN = { makeFolder: false };

type OnClose = (written: Written) => void;

/** Writes text piece by piece and reports the checksum when closed. */
abstract class TextRecordWriter implements RecordWriter {
  protected constructor(
    protected readonly stream: AtomicStream,
    private readonly onClose: OnClose,
  ) {}

  protected abstract format(record: object): string;
  protected tail(): string {
    return '';
  }

  async write(record: object): Promise<void> {
    await this.stream.write(this.format(record));
  }

  async close(): Promise<void> {
    const tail = this.tail();
    if (tail !== '') await this.stream.write(tail);
    this.onClose(await this.stream.close());
  }

  abandon(): Promise<void> {
    return this.stream.abandon();
  }
}

/** One JSON document a line (jsonlines.org). */
export class JsonlWriter extends TextRecordWriter {
  static async open(path: string, onClose: OnClose): Promise<JsonlWriter> {
    return new JsonlWriter(await AtomicStream.open(path, WITHIN), onClose);
  }
  protected format(record: object): string {
    return `${JSON.stringify(record)}\n`;
  }
}

/**
 * RFC 4180 with a header row. Cells that a spreadsheet would run as a formula are quoted with a leading
 * apostrophe: captions and file names are data.
 */
export class CsvWriter extends TextRecordWriter {
  private constructor(
    stream: AtomicStream,
    onClose: OnClose,
    private readonly columns: readonly string[],
  ) {
    super(stream, onClose);
  }
  static async open(path: string, columns: readonly string[], onClose: OnClose): Promise<CsvWriter> {
    const stream = await AtomicStream.open(path, WITHIN);
    await stream.write(stringify([[...columns]]));
    return new CsvWriter(stream, onClose, columns);
  }
  protected format(record: object): string {
    return stringify([record], {
      columns: [...this.columns],
      escape_formulas: true,
      cast: { boolean: String },
    });
  }
}

/** A JSON document whose last member is a list written record by record. */
export class JsonListWriter extends TextRecordWriter {
  private first = true;

  static async open(path: string, head: object, listKey: string, onClose: OnClose): Promise<JsonListWriter> {
    const stream = await AtomicStream.open(path, WITHIN);
    const opened = JSON.stringify(head, null, 2).replace(/\n?\}$/, '');
    const separator = opened.trim() === '{' ? '' : ',';
    await stream.write(`${opened}${separator}\n  ${JSON.stringify(listKey)}: [`);
    return new JsonListWriter(stream, onClose);
  }
  protected format(record: object): string {
    const lead = this.first ? '\n    ' : ',\n    ';
    this.first = false;
    return lead + JSON.stringify(record);
  }
  protected override tail(): string {
    return this.first ? ']\n}\n' : '\n  ]\n}\n';
  }
}

const ROWS_PER_GROUP = 10_000;

/** Parquet with a row group every 10,000 records, so that memory does not grow with the run. */
export class ParquetRecordWriter implements RecordWriter {
  private readonly bytes = new ByteWriter();
  private readonly parquet: ParquetWriter;
  private buffered: Record<string, unknown>[] = [];

  private constructor(
    private readonly stream: AtomicStream,
    private readonly columns: readonly ParquetColumn[],
    private readonly onClose: OnClose,
  ) {
    this.parquet = new ParquetWriter({
      writer: this.bytes,
      createdBy: 'hazure',
      schema: [
        { name: 'root', num_children: columns.length },
        ...columns.map((column) => schemaElement(column)),
      ],
    });
  }

  static async open(
    path: string,
    columns: readonly ParquetColumn[],
    onClose: OnClose,
  ): Promise<ParquetRecordWriter> {
    return new ParquetRecordWriter(await AtomicStream.open(path, WITHIN), columns, onClose);
  }

  async write(record: object): Promise<void> {
    this.buffered.push(record as Record<string, unknown>);
    if (this.buffered.length >= ROWS_PER_GROUP) await this.flushGroup();
  }

  async close(): Promise<void> {
    await this.flushGroup();
    await this.parquet.finish();
    await this.drain();
    this.onClose(await this.stream.close());
  }

  abandon(): Promise<void> {
    return this.stream.abandon();
  }

  private async flushGroup(): Promise<void> {
    if (this.buffered.length === 0) return;
    const rows = this.buffered;
    this.buffered = [];
    await this.parquet.write({
      columnData: this.columns.map(({ name }) => ({ name, data: rows.map((row) => row[name] ?? null) })),
      rowGroupSize: rows.length,
    });
    await this.drain();
  }

  /** Moves what the encoder has produced to disk; `offset` keeps counting, `index` starts again. */
  private async drain(): Promise<void> {
    const chunk = new Uint8Array(this.bytes.buffer, 0, this.bytes.index).slice();
    this.bytes.index = 0;
    await this.stream.write(chunk);
  }
}

function schemaElement(column: ParquetColumn): ParquetWriter['schema'][number] {
  const base = { name: column.name, repetition_type: 'OPTIONAL' as const };
  switch (column.type) {
    case 'STRING':
      return { ...base, type: 'BYTE_ARRAY', converted_type: 'UTF8' };
    case 'JSON':
      return { ...base, type: 'BYTE_ARRAY', converted_type: 'JSON' };
    case 'DOUBLE':
    case 'FLOAT':
    case 'INT32':
    case 'BOOLEAN':
      return { ...base, type: column.type };
  }
}
