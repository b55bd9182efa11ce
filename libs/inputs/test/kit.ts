import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { ImageRef } from '@hazure/contracts';
import { openInputs, type InputOptions, type Inputs } from '../src/index.js';

/** A folder of its own for each test, gone after it. */
export function scratchFolder(): { path: string } {
  const holder = { path: '' };
  beforeEach(async () => {
    holder.path = await mkdtemp(join(tmpdir(), 'hazure-inputs-test-'));
  });
  afterEach(() => rm(holder.path, { recursive: true, force: true }));
  return holder;
}

export async function put(path: string, bytes: Uint8Array | string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

export function picture(seed: number, format: 'jpeg' | 'png' = 'png'): Promise<Buffer> {
  const [r, g, b] = [seed * 37, seed * 59, seed * 83].map((value) => value % 256);
  return sharp({ create: { width: 4 + (seed % 5), height: 3, channels: 3, background: { r, g, b } } })
    .toFormat(format)
    .toBuffer();
}

export async function bytesOf(ref: ImageRef): Promise<Buffer> {
  return Buffer.from(ref.read ? await ref.read() : await readFile(ref.path));
}

/** Opens, hands over, and closes whatever happens. */
export async function withInputs<T>(
  args: string[],
  options: InputOptions,
  use: (inputs: Inputs) => Promise<T>,
): Promise<T> {
  const inputs = await openInputs(args, options);
  try {
    return await use(inputs);
  } finally {
    await inputs.close();
  }
}

export const idsOf = (args: string[], options: InputOptions = {}): Promise<string[]> =>
  withInputs(args, options, async (inputs) => (await inputs.refs()).map(({ id }) => id));

/** Ids of what can't be read, with the reason. */
export const problemsOf = (args: string[], options: InputOptions = {}): Promise<Record<string, string>> =>
  withInputs(args, options, async (inputs) => {
    const problems: Record<string, string> = {};
    for (const ref of await inputs.refs()) {
      await bytesOf(ref).catch((error: Error) => (problems[ref.id] = error.message));
    }
    return problems;
  });

export interface TestServer {
  readonly url: string;
  readonly requests: string[];
  close(): Promise<void>;
}

/** @param answer takes a request over when it returns true */
export async function serve(
  root: string,
  answer: (request: IncomingMessage, response: ServerResponse, nth: number) => boolean = () => false,
): Promise<TestServer> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    if (!answer(request, response, requests.length))
      void file(root, request, response).catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** @param share of the body after which the connection ends; 1 sends it whole */
export async function file(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
  share = 1,
): Promise<void> {
  const path = join(root, decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname));
  const info = await stat(path);
  if (info.isDirectory()) {
    const entries = await readdir(path, { withFileTypes: true });
    const links = entries.map((each) => encodeURIComponent(each.name) + (each.isDirectory() ? '/' : ''));
    const html = ['../', '?C=N;O=D', ...links].map((link) => `<a href="${link}">x</a>`).join('\n');
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<html><body>${html}</body></html>`);
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (!range) {
    response.writeHead(200, { 'content-length': info.size, 'last-modified': info.mtime.toUTCString() });
    await send(path, 0, info.size - 1, response, share);
    return;
  }
  const from = Number(range[1]);
  const to = Math.min(info.size - 1, range[2] === '' ? info.size - 1 : Number(range[2]));
  if (from >= info.size)
    return void response.writeHead(416, { 'content-range': `bytes */${info.size}` }).end();
  response.writeHead(206, {
    'content-length': to - from + 1,
    'content-range': `bytes ${from}-${to}/${info.size}`,
    'last-modified': info.mtime.toUTCString(),
  });
  await send(path, from, to, response, share);
}

async function send(
  path: string,
  from: number,
  to: number,
  response: ServerResponse,
  share: number,
): Promise<void> {
  const length = Math.ceil((to - from + 1) * share);
  const bytes = (await readFile(path)).subarray(from, from + length);
  if (share === 1) return void response.end(bytes);
  response.write(bytes);
  setTimeout(() => response.destroy(), 5);
}
