import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { InputError } from '@hazure/contracts';
import type { RgbImage } from '@hazure/image-formats';

/** Runs in a process of its own; standard output gets a line with the size, then the pixels. */
const RENDER = `
const [sharpPath, maxPixels] = process.argv.slice(1);
const sharp = require(sharpPath);
const parts = [];
process.stdin.on('data', (part) => parts.push(part)).on('end', () => {
  sharp.concurrency(1);
  sharp(Buffer.concat(parts), { limitInputPixels: Number(maxPixels) })
    .flatten({ background: '#ffffff' }).toColourspace('srgb').raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .then(({ data, info }) => {
      process.stdout.write(JSON.stringify([info.width, info.height, info.channels]) + '\\n');
      process.stdout.write(data);
    })
    .catch((error) => { process.stderr.write(error.message); process.exitCode = 1; });
});`;

/**
 * Renders a vector graphic at its own size. A few hundred bytes of it can keep a renderer busy for minutes, and a
 * renderer in this process can't be stopped: so it works in another one, which can.
 *
 * @throws InputError INPUT_UNREADABLE for what is no SVG, is too large, or takes longer than the limit
 */
export async function renderSvg(
  bytes: Uint8Array,
  { maxPixels, timeLimitMs }: { readonly maxPixels: number; readonly timeLimitMs: number },
): Promise<RgbImage> {
  const sharpPath = createRequire(import.meta.url).resolve('sharp');
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=512', '-e', RENDER, sharpPath, String(maxPixels)],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: timeLimitMs,
      killSignal: 'SIGKILL',
    },
  );
  const out: Buffer[] = [];
  let complaint = '';
  child.stdout.on('data', (part: Buffer) => out.push(part));
  child.stderr.on('data', (part: Buffer) => (complaint += part.toString()));
  child.stdin.on('error', () => undefined); // it ended before it had read everything; its exit says why
  child.stdin.end(bytes);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, by) => resolve([exit, by]));
  });
  if (signal === 'SIGKILL') {
    throw new InputError(
      'INPUT_UNREADABLE',
      `this SVG takes longer than ${timeLimitMs / 1000} s to draw: export it as PNG`,
    );
  }
  if (code !== 0)
    throw new InputError('INPUT_UNREADABLE', complaint.split('\n')[0] || `the renderer ended with ${code}`);
  const all = Buffer.concat(out);
  const end = all.indexOf('\n');
  const [widthPx, heightPx, channels] = JSON.parse(all.toString('latin1', 0, end)) as [
    number,
    number,
    number,
  ];
  const data = all.subarray(end + 1);
  if (channels !== 3 || data.length !== widthPx * heightPx * 3)
    throw new InputError('INPUT_UNREADABLE', 'the renderer gave no whole picture');
  return { widthPx, heightPx, data };
}
