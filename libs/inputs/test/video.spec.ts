import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf, picture, put, scratchFolder, serve, withInputs } from './kit.js';
import { startS3 } from './s3.js';

const scratch = scratchFolder();
const at = (name: string): string => join(scratch.path, name);
const here = spawnSync('ffmpeg', ['-version']).status === 0;
const withFfmpeg = here ? test : test.skip;

function film(path: string, seconds: number, ...more: string[]): void {
  const { status, stderr } = spawnSync('ffmpeg', [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    `testsrc=size=64x48:rate=25:duration=${seconds}`,
    '-pix_fmt',
    'yuv420p',
    ...more,
    path,
  ]);
  if (status !== 0) throw new Error(String(stderr));
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

withFfmpeg(
  'ten seconds: every 25th frame, in order, the frames that ffmpeg itself extracts (skipped without ffmpeg)',
  async () => {
    film(at('clip.mp4'), 10);
    spawnSync('ffmpeg', ['-v', 'error', '-i', at('clip.mp4'), '-pix_fmt', 'rgb24', at('f%03d.ppm')]);
    const frames = (await readdir(scratch.path)).filter((name) => name.endsWith('.ppm')).sort();
    expect(frames).toHaveLength(250);
    await withInputs([at('clip.mp4')], { every: 25 }, async (inputs) => {
      const refs = await inputs.refs();
      expect(refs.map(({ id }) => id)).toEqual(
        Array.from({ length: 10 }, (_, i) => `clip.mp4/frame-${String(25 * i).padStart(9, '0')}`),
      );
      expect(inputs.leftOut.notEveryNth).toBe(240);
      const read = (await Promise.all(refs.map(bytesOf))).map(digest);
      for (const [i, each] of read.entries()) expect(each).toBe(digest(await readFile(at(frames[25 * i]))));
      // one that was passed already, and the same again
      expect(digest(await bytesOf(refs[3]))).toBe(read[3]);
    });
    // a part has the ids and frames of the whole
    await withInputs(
      [at('clip.mp4')],
      { selected: (index) => index === 7 || index === 200 },
      async (inputs) => {
        const refs = await inputs.refs();
        expect(refs.map(({ index, id }) => [index, id])).toEqual([
          [7, 'clip.mp4/frame-000000007'],
          [200, 'clip.mp4/frame-000000200'],
        ]);
        expect(digest(await bytesOf(refs[1]))).toBe(digest(await readFile(at(frames[200]))));
      },
    );
  },
);

withFfmpeg('other containers, photos beside a video, over HTTP and S3 (skipped without ffmpeg)', async () => {
  film(at('a.mkv'), 1);
  film(at('b.avi'), 1, '-c:v', 'mjpeg');
  await put(at('p.png'), await picture(1));
  await withInputs([at('a.mkv'), at('b.avi'), at('p.png')], { every: 10 }, async (inputs) => {
    expect((await inputs.refs()).map(({ id }) => id.replace(/0{6}/, ''))).toEqual([
      'a.mkv/frame-000',
      'a.mkv/frame-010',
      'a.mkv/frame-020',
      'b.avi/frame-000',
      'b.avi/frame-010',
      'b.avi/frame-020',
      'p.png',
    ]);
  });
  const local = await withInputs([at('a.mkv')], { every: 10 }, async (inputs) =>
    Promise.all((await inputs.refs()).map(async (ref) => [ref.id, digest(await bytesOf(ref))])),
  );
  const server = await serve(scratch.path);
  const s3 = await startS3(at('s3'), ['bucket']);
  try {
    await s3.put('bucket', 'x/a.mkv', await readFile(at('a.mkv')));
    for (const address of [`${server.url}/a.mkv`, 's3://bucket/x/a.mkv']) {
      const remote = await withInputs(
        [address],
        { every: 10, env: { ...process.env, ...s3.env } },
        async (inputs) =>
          Promise.all((await inputs.refs()).map(async (ref) => [ref.id, digest(await bytesOf(ref))])),
      );
      expect(remote).toEqual(local);
    }
  } finally {
    await server.close();
    await s3.close();
  }
});

test('without ffmpeg, and with a file that is no video: an error that says so', async () => {
  await put(
    at('clip.mp4'),
    Buffer.concat([Buffer.from('00000018667479706d703432', 'hex'), Buffer.alloc(100)]),
  );
  const env = { PATH: at('nothing') };
  await expect(withInputs([at('clip.mp4')], { env }, async () => 0)).rejects.toMatchObject({
    code: 'INPUT_UNREADABLE',
    message: expect.stringMatching(/needs ffprobe, which is not installed/),
    hint: expect.stringMatching(/ffmpeg/),
  });
  if (here)
    await expect(withInputs([at('clip.mp4')], {}, async () => 0)).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringMatching(/clip\.mp4/),
    });
});
