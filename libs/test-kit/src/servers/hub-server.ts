import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative, sep } from 'node:path';

/** So long a cut file's beginning gets to arrive. */
const CUT_AFTER_MS = 300;

interface HubFile {
  readonly bytes: Buffer;
  /** Git LFS keeps large files: listed with their sha256, and served from elsewhere by a redirect. */
  readonly large: boolean;
}

const hash = (algorithm: 'sha1' | 'sha256', bytes: Buffer): string =>
  createHash(algorithm).update(bytes).digest('hex');

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => relative('.', name).split(sep).join('/'));
}

/**
 * A model hub on a loopback port, as far as pulling needs it: the listing of a revision with sizes and digests, files
 * at a commit, large ones by a redirect, byte ranges. It can cut or spoil a file, and counts what it was asked.
 */
export class HubServer {
  /** Path and range of each request for a file's bytes. */
  readonly downloads: string[] = [];
  requests = 0;
  /** Ends the connection after so many bytes of the file of that name. */
  cut: { readonly name: string; readonly afterBytes: number } | null = null;
  /** Sends other bytes than listed for the file of that name. */
  spoil: string | null = null;
  private readonly repositories = new Map<string, { commit: string; files: Map<string, HubFile> }>();
  private readonly server = createServer((request, response) => this.handle(request, response));

  static async start(): Promise<HubServer> {
    const hub = new HubServer();
    await new Promise<void>((resolve) => hub.server.listen(0, '127.0.0.1', resolve));
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Offers a folder's files as a repository; `rename` gives a file's name there. */
  add(repository: string, folder: string, rename: (name: string) => string = (name) => name): void {
    const files = new Map(
      filesBelow(folder).map((name) => [
        rename(name),
        { bytes: readFileSync(join(folder, name)), large: name.endsWith('.onnx') },
      ]),
    );
    const commit = hash('sha1', Buffer.from([...files.keys()].join('\n')));
    this.repositories.set(repository, { commit, files });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    const url = new URL(request.url ?? '/', this.url);
    const path = decodeURIComponent(url.pathname);
    const listed = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path);
    const file = /^\/(?:cdn\/)?([^/]+\/[^/]+)\/resolve\/([0-9a-f]{40})\/(.+)$/.exec(path);
    const repository = this.repositories.get((listed ?? file)?.[1] ?? '');
    const known = repository && ['main', repository.commit].includes((listed ?? file)?.[2] ?? '');
    if (listed && known) {
      const siblings = [...repository.files].map(([rfilename, { bytes, large }]) => ({
        rfilename,
        size: bytes.length,
        blobId: hash('sha1', Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes])),
        ...(large ? { lfs: { sha256: hash('sha256', bytes), size: bytes.length, pointerSize: 134 } } : {}),
      }));
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: listed[1], sha: repository.commit, siblings }));
      return;
    }
    const found = file && known ? repository.files.get(file[3]) : undefined;
    if (!file || !found) {
      response.writeHead(404).end('{"error":"Entry not found"}');
    } else if (found.large && !path.startsWith('/cdn/')) {
      response.writeHead(302, { location: `${this.url}/cdn${path}` }).end();
    } else {
      this.send(file[3], found.bytes, request, response);
    }
  }

  private send(name: string, bytes: Buffer, request: IncomingMessage, response: ServerResponse): void {
    const { range } = request.headers;
    this.downloads.push(`${name}${range === undefined ? '' : ` ${range}`}`);
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const body = Buffer.from(bytes.subarray(from));
    if (this.spoil === name) body[body.length >> 1] ^= 255;
    response.writeHead(range === undefined ? 200 : 206, {
      'content-length': body.length,
      ...(range === undefined
        ? {}
        : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (this.cut?.name !== name) response.end(body);
    else {
      response.write(body.subarray(0, this.cut.afterBytes));
      setTimeout(() => request.socket.destroy(), CUT_AFTER_MS);
    }
  }
}
