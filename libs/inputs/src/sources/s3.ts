import type * as Sdk from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { InputError, messageOf } from '@hazure/contracts';
import type { Resource } from '../resource.js';
import { FinalError, retried, withIdleLimit } from '../retry.js';
import type { InputLimits } from '../types.js';
import { tooLarge } from './http.js';

export interface S3Address {
  readonly bucket: string;
  readonly key: string;
}

export interface S3Listed extends S3Address {
  readonly bytes: number;
  readonly modifiedMs: number | null;
}

/** @throws InputError INPUT_INVALID when there is no bucket */
export function parseS3(address: string): S3Address {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(address);
  if (!match)
    throw new InputError('INPUT_INVALID', `${address} names no bucket`, {
      hint: 'Write s3://bucket/prefix.',
    });
  return { bucket: match[1], key: match[2] };
}

/**
 * S3 and what speaks its protocol. Credentials, region and endpoint come as every AWS tool takes them: `AWS_…`
 * variables, profiles, roles of the machine. A given endpoint (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`) is asked by
 * path, unless `AWS_S3_FORCE_PATH_STYLE=false`; `AWS_NO_SIGN_REQUEST=yes` reads public buckets without credentials.
 */
export class S3Source {
  private opened: Promise<S3Client> | null = null;

  constructor(
    private readonly env: NodeJS.ProcessEnv,
    private readonly limits: InputLimits,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Every object below a prefix, page by page. Folder markers (keys that end in `/`) are no objects. */
  async *list(bucket: string, prefix: string): AsyncGenerator<S3Listed> {
    const { ListObjectsV2Command } = await sdk();
    let token: string | undefined;
    do {
      const page = await this.tried(`s3://${bucket}/${prefix}`, async (client, abortSignal) =>
        client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }), {
          abortSignal,
        }),
      );
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined || Key.endsWith('/')) continue;
        yield { bucket, key: Key, bytes: Size ?? 0, modifiedMs: LastModified?.getTime() ?? null };
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** null when there is no such object. */
  async open({ bucket, key }: S3Address): Promise<S3Resource | null> {
    const { HeadObjectCommand } = await sdk();
    try {
      const head = await this.tried(`s3://${bucket}/${key}`, (client, abortSignal) =>
        client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
      );
      return new S3Resource(
        this,
        { bucket, key },
        head.ContentLength ?? 0,
        head.LastModified?.getTime() ?? null,
      );
    } catch (error) {
      if (error instanceof InputError && statusOf(error.cause) === 404) return null;
      throw error;
    }
  }

  /** The bytes of an object from `from` to before `to`, as they come; cut off when silent. */
  async *body({ bucket, key }: S3Address, from: number, to: number): AsyncGenerator<Uint8Array> {
    const { GetObjectCommand } = await sdk();
    const client = await this.client();
    const { Body } = await client.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(from > 0 || to < Infinity ? { Range: `bytes=${from}-${to === Infinity ? '' : to - 1}` } : {}),
      }),
      this.signal ? { abortSignal: this.signal } : {},
    );
    if (Body) yield* withIdleLimit(Body as unknown as AsyncIterable<Uint8Array>, this.limits.timeoutMs);
  }

  /** A whole object, tried again when it is cut off. */
  readWhole(address: S3Address, mostBytes: number, bytes: number | null): Promise<Buffer> {
    const name = `s3://${address.bucket}/${address.key}`;
    if (bytes !== null && bytes > mostBytes) return Promise.reject(tooLarge(name, mostBytes));
    return this.again(name, async () => {
      const parts: Uint8Array[] = [];
      let came = 0;
      for await (const chunk of this.body(address, 0, Infinity)) {
        came += chunk.length;
        if (came > mostBytes) throw tooLarge(name, mostBytes);
        parts.push(chunk);
      }
      if (bytes !== null && came !== bytes) throw new Error(`${came} of ${bytes} bytes came`);
      return Buffer.concat(parts);
    });
  }

  /** An address that a program without credentials can read for a day: for ffmpeg. */
  async signed({ bucket, key }: S3Address): Promise<string> {
    const [{ GetObjectCommand }, { getSignedUrl }] = await Promise.all([
      sdk(),
      import('@aws-sdk/s3-request-presigner'),
    ]);
    return getSignedUrl(await this.client(), new GetObjectCommand({ Bucket: bucket, Key: key }), {
      expiresIn: 86_400,
    });
  }

  again<T>(name: string, attempt: () => Promise<T>): Promise<T> {
    return retried(name, this.limits, this.signal, async () => {
      try {
        return await attempt();
      } catch (error) {
        throw judged(error);
      }
    });
  }

  async close(): Promise<void> {
    const { opened } = this;
    this.opened = null;
    if (opened) (await opened).destroy();
  }

  private tried<T>(name: string, send: (client: S3Client, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.again(name, async () =>
      send(await this.client(), this.signal ?? new AbortController().signal),
    );
  }

  private client(): Promise<S3Client> {
    this.opened ??= this.connect();
    return this.opened;
  }

  private async connect(): Promise<S3Client> {
    const { S3Client } = await sdk();
    const { env } = this;
    const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
    const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
    const keys = env['AWS_ACCESS_KEY_ID'];
    const secret = env['AWS_SECRET_ACCESS_KEY'];
    const token = env['AWS_SESSION_TOKEN'];
    const unsigned = /^(yes|true|1)$/i.test(env['AWS_NO_SIGN_REQUEST'] ?? '');
    return new S3Client({
      ...(endpoint ? { endpoint, forcePathStyle: env['AWS_S3_FORCE_PATH_STYLE'] !== 'false' } : {}),
      // a server of one's own has no region, but signatures need the name of one
      ...(region ? { region } : endpoint ? { region: 'us-east-1' } : {}),
      ...(keys && secret
        ? {
            credentials: {
              accessKeyId: keys,
              secretAccessKey: secret,
              ...(token ? { sessionToken: token } : {}),
            },
          }
        : {}),
      ...(unsigned ? { signer: { sign: async (request: unknown) => request as never } } : {}),
      maxAttempts: 1, // retried in one place, bodies too
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        requestTimeout: this.limits.timeoutMs,
        throwOnRequestTimeout: true,
        connectionTimeout: this.limits.timeoutMs,
        httpsAgent: { maxSockets: 64 },
        httpAgent: { maxSockets: 64 },
      },
    });
  }
}

/** Loaded when the first s3:// address comes: it takes 0.2 s. */
const sdk = (): Promise<typeof Sdk> => import('@aws-sdk/client-s3');

function statusOf(error: unknown): number | undefined {
  const cause = error instanceof FinalError ? error.cause : error;
  return (cause as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
}

/** What another try can mend, and what it can't: refused, missing, no credentials. */
function judged(error: unknown): unknown {
  if (error instanceof InputError) return error;
  const status = statusOf(error);
  const { name } = error as Error;
  if (/Credentials|ExpiredToken/.test(name)) {
    return new FinalError(
      `${messageOf(error)} (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_NO_SIGN_REQUEST=yes for a public bucket)`,
      { cause: error },
    );
  }
  if (status === undefined || status >= 500 || status === 408 || status === 429) return error;
  const message =
    status === 404 || status === 403 || status === 301
      ? `${name} (${status})`
      : `${name}: ${messageOf(error)}`;
  return new FinalError(message, { cause: error });
}

/** An object, readable in pieces. */
export class S3Resource implements Resource {
  readonly seekable = true;
  readonly name: string;

  constructor(
    private readonly source: S3Source,
    readonly address: S3Address,
    readonly size: number,
    readonly modifiedMs: number | null,
  ) {
    this.name = `s3://${address.bucket}/${address.key}`;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const end = Math.min(this.size, offset + length);
    if (end <= offset) return Buffer.alloc(0);
    return this.source.again(this.name, async () => {
      const parts: Uint8Array[] = [];
      for await (const chunk of this.source.body(this.address, offset, end)) parts.push(chunk);
      const bytes = Buffer.concat(parts);
      if (bytes.length !== end - offset) throw new Error(`${bytes.length} of ${end - offset} bytes came`);
      return bytes;
    });
  }

  /** In pieces of 8 MiB, each of which can be tried again. */
  async *stream(offset = 0): AsyncGenerator<Uint8Array> {
    for (let at = offset; at < this.size; at += PIECE) yield await this.read(at, PIECE);
  }

  async close(): Promise<void> {}
}

const PIECE = 8 * 1024 ** 2;
