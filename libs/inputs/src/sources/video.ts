import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { InputError } from '@hazure/contracts';

const VIDEO_EXTENSIONS = new Set(
  'mp4 m4v mov mkv webm avi wmv flv mpg mpeg m2v ts mts m2ts 3gp ogv mxf vob y4m mjpeg mjpg hevc h264 265 264'
    .split(' ')
    .map((name) => `.${name}`),
);

export function hasVideoExtension(extension: string): boolean {
  return VIDEO_EXTENSIONS.has(extension.toLowerCase());
}

/** Containers by their first bytes: ISO media, Matroska, AVI, MPEG program stream, FLV, Ogg, ASF. */
export function looksLikeVideo(head: Buffer): boolean {
  const text = head.toString('latin1', 0, 16);
  return (
    text.startsWith('ftyp', 4) ||
    text.startsWith('\x1aE\xdf\xa3') ||
    (text.startsWith('RIFF') && text.startsWith('AVI ', 8)) ||
    text.startsWith('\0\0\x01\xba') ||
    text.startsWith('\0\0\x01\xb3') ||
    text.startsWith('FLV\x01') ||
    text.startsWith('OggS') ||
    text.startsWith('0&\xb2u\x8ef\xcf\x11')
  );
}

function missing(program: string, name: string): InputError {
  return new InputError(
    'INPUT_UNREADABLE',
    `Reading the video ${name} needs ${program}, which is not installed here`,
    {
      hint: 'Install ffmpeg (Debian, Ubuntu: apt install ffmpeg), or extract the frames and give their folder.',
    },
  );
}

/** Where programs are found, and when they are stopped. */
export interface FfmpegContext {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

function start(
  program: string,
  args: readonly string[],
  name: string,
  { env, signal }: FfmpegContext,
): { child: Child; ended: Promise<string | null> } {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    ...(signal ? { signal } : {}),
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-2000)));
  const ended = new Promise<string | null>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? missing(program, name) : error),
    );
    child.once('close', (code) =>
      resolve(code === 0 ? null : complaints.trim().split('\n').at(-1) || `${program} ended with ${code}`),
    );
  });
  ended.catch(() => undefined);
  return { child, ended };
}

async function output(
  program: string,
  args: readonly string[],
  name: string,
  context: FfmpegContext,
): Promise<string> {
  const { child, ended } = start(program, args, name, context);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const problem = await ended;
  if (problem !== null) {
    throw new InputError('INPUT_UNREADABLE', `Can't read the video ${name}: ${problem}`, {
      hint: 'Play the file; replace or remove it if it is damaged.',
    });
  }
  return text;
}

/**
 * How many frames the first video stream has, by decoding it once: containers lie, and a listing is frozen.
 *
 * @param url path or address that ffmpeg opens
 * @throws InputError INPUT_UNREADABLE without ffprobe, for a file that is no video, or one without a frame
 */
export async function countFrames(url: string, name: string, context: FfmpegContext): Promise<number> {
  const args = [
    '-v',
    'error',
    '-select_streams',
    'v:0',
    '-count_frames',
    '-show_entries',
    'stream=nb_read_frames',
    '-of',
    'csv=p=0',
    url,
  ];
  const text = await output('ffprobe', args, name, context);
  const frames = Number(/\d+/.exec(text)?.[0] ?? NaN);
  if (!(frames > 0))
    throw new InputError('INPUT_UNREADABLE', `${name} has no video frame that ffmpeg can decode`);
  return frames;
}

/** `-vsync` became `-fps_mode` in 5.1. */
let passthrough: Promise<string> | null = null;
async function passthroughFlag(name: string, context: FfmpegContext): Promise<string> {
  passthrough ??= output('ffmpeg', ['-version'], name, context).then((text) => {
    const version = /version n?(\d+)\.(\d+)/.exec(text);
    return version && Number(version[1]) + Number(version[2]) / 10 < 5.1 ? '-vsync' : '-fps_mode';
  });
  return passthrough;
}

/**
 * Frames of one video, decoded by one ffmpeg process as they are asked for, in order; nothing is written to disk. A
 * frame that was passed already is decoded again by a process of its own.
 */
export class VideoReader {
  private running: { readonly frames: AsyncGenerator<Buffer>; next: number } | null = null;
  private turn: Promise<unknown> = Promise.resolve();
  private readonly stop = new AbortController();

  constructor(
    private readonly url: () => Promise<string>,
    private readonly name: string,
    private readonly every: number,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /**
   * @param frame number of a frame, from 0; a multiple of `every`
   * @returns the frame as a binary PPM file, turned as the video asks
   * @throws InputError INPUT_UNREADABLE when the video ends before it
   */
  frame(frame: number): Promise<Buffer> {
    const result = this.turn.then(() => this.pull(frame));
    this.turn = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.turn;
    await this.running?.frames.return(undefined);
    this.running = null;
  }

  private async pull(frame: number): Promise<Buffer> {
    if (this.running && frame < this.running.next) {
      const one = this.decode(frame, 1);
      const { value } = await one.next();
      await one.return(undefined);
      return value ?? this.ended(frame);
    }
    // beginning again in the middle costs decoding from the start, so only the first frame or a jump does it
    this.running ??= { frames: this.decode(frame, 0), next: frame };
    for (;;) {
      const next = await this.running.frames.next();
      const at = this.running.next;
      if (next.done) return this.ended(frame);
      this.running.next = at + this.every;
      if (at === frame) return next.value;
    }
  }

  private ended(frame: number): never {
    throw new InputError('INPUT_UNREADABLE', `${this.name} ends before frame ${frame}`, {
      hint: 'The video is damaged or changed since it was listed.',
    });
  }

  /** Every Nth frame from `from` on. @param most 0 for all */
  private async *decode(from: number, most: number): AsyncGenerator<Buffer> {
    const select = `select=gte(n\\,${from})*not(mod(n-${from}\\,${this.every}))`;
    const url = await this.url();
    const context = { env: this.env, signal: this.stop.signal };
    const { child, ended } = start(
      'ffmpeg',
      [
        '-v',
        'error',
        '-nostdin',
        '-i',
        url,
        '-map',
        '0:v:0',
        '-vf',
        select,
        await passthroughFlag(this.name, context),
        'passthrough',
        ...(most > 0 ? ['-frames:v', String(most)] : []),
        '-f',
        'image2pipe',
        '-c:v',
        'ppm',
        '-pix_fmt',
        'rgb24',
        '-',
      ],
      this.name,
      context,
    );
    try {
      yield* splitPpm(child.stdout);
      const problem = await ended;
      if (problem !== null)
        throw new InputError('INPUT_UNREADABLE', `Can't read on in ${this.name}: ${problem}`);
    } finally {
      child.kill('SIGKILL');
      await ended.catch(() => undefined);
    }
  }
}

/** Binary PPM files that follow each other: `P6\n<w> <h>\n255\n` and 3·w·h bytes. */
async function* splitPpm(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let held = 0;
  let wanted = 0;
  for await (const chunk of source) {
    parts.push(chunk);
    held += chunk.length;
    for (;;) {
      if (wanted === 0) {
        const start = Buffer.concat(parts);
        parts = [start];
        const header = /^P6\n(\d+) (\d+)\n255\n/.exec(start.toString('latin1', 0, 40));
        if (!header) break;
        wanted = header[0].length + Number(header[1]) * Number(header[2]) * 3;
      }
      if (held < wanted) break;
      const all = Buffer.concat(parts);
      yield all.subarray(0, wanted);
      parts = [all.subarray(wanted)];
      held -= wanted;
      wanted = 0;
    }
  }
}
