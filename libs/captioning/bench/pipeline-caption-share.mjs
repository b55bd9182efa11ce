/**
 * How busy a whole `hazure detect` keeps its caption server: a server on another thread answers each question after
 * 50 ms and serves 16 at once. `busy` is its own measure, from the first question to the last answer: the time its
 * slots spent on questions ÷ the time they existed. Where the machine makes crops more slowly than the server takes
 * them, no client could keep it busy: `cropsPerSecondWithout` is the speed of the same run with template captions.
 *
 *   node libs/captioning/bench/pipeline-caption-share.mjs [images=1600] [concurrency=16] [answerMs=50] [detector=none]
 *
 * The pictures are windows of real photos (../shared/data/coco128); the embedder is the tiny CLIP of make-tiny-clip.
 */
import { spawn, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

if (!isMainThread) {
  const body = JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'A car.' } }] });
  const seen = { questions: 0, serviceMs: 0, firstMs: 0, lastMs: 0 };
  const server = createServer((request, response) => {
    const started = performance.now();
    seen.questions += 1;
    if (seen.questions === 1) seen.firstMs = started;
    request.resume();
    request.on('end', () => {
      setTimeout(() => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(body);
        seen.lastMs = performance.now();
        seen.serviceMs += seen.lastMs - started;
      }, workerData.answerMs);
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  parentPort.on('message', () => parentPort.postMessage(seen));
} else {
  const [images = '1600', concurrency = '16', answerMs = '50', detector = 'none'] = process.argv.slice(2);
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const work = mkdtempSync(join(tmpdir(), 'caption-share-'));
  const { default: sharp } = await import('sharp');
  const photos = join(root, '../shared/data/coco128/images');
  const names = readdirSync(photos).sort();
  const folder = join(work, 'images');
  mkdirSync(folder);
  for (let i = 0; i < Number(images); i++) {
    // every picture another window, so that no crop's answer is known already
    const source = sharp(join(photos, names[i % names.length]));
    const turn = Math.floor(i / names.length);
    await source
      .resize({ width: 400, height: 330, fit: 'fill' })
      .extract({ left: (turn * 5) % 80, top: (turn * 7) % 90, width: 320, height: 240 })
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${String(i).padStart(5, '0')}.jpg`));
  }
  const clip = join(work, 'clip');
  execFileSync(process.execPath, [join(root, 'libs/test-kit/src/tiny-models/make-tiny-clip.mjs'), clip], {
    stdio: 'pipe',
  });
  const worker = new Worker(new URL(import.meta.url), { workerData: { answerMs: Number(answerMs) } });
  const port = await new Promise((resolve) => worker.once('message', resolve));

  let cpuSeconds = 0;
  const hazure = (args) =>
    new Promise((resolve, reject) => {
      const child = spawn(
        process.execPath,
        [join(root, 'apps/cli/bin/hazure.cjs'), ...args, '--quiet', '--json'],
        {
          env: { ...process.env, HAZURE_CACHE_DIR: join(work, 'cache') },
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let out = '';
      // the kernel's count of the process's own time, while it still runs (Linux)
      const cpuTimer = setInterval(() => {
        const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
        cpuSeconds = (Number(stat[11]) + Number(stat[12])) / 100;
      }, 100);
      child.stdout.on('data', (data) => (out += data));
      child.on('exit', () => clearInterval(cpuTimer));
      child.on('close', (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(out))));
    });
  const models = ['--detector', detector, '--embedder', join(clip, 'onnx', 'vision_model.onnx')];
  const { baselineDir } = await hazure([
    'learn',
    folder,
    '--train-indices',
    '0-127',
    '--output-dir',
    work,
    ...models,
  ]);
  const detect = (args) =>
    hazure([
      'detect',
      folder,
      '--baseline',
      baselineDir,
      '--no-save-crops',
      '--no-save-outliers',
      '--no-save-probability-plots',
      '--output-dir',
      work,
      ...args,
    ]);
  const rate = ({ detectionDir }) => {
    const { stages } = JSON.parse(readFileSync(join(detectionDir, 'timing.json'), 'utf8'));
    return stages;
  };
  const without = await detect(['--captioner', 'template']);
  const stagesWithout = rate(without);
  const detected = await detect([
    '--caption-url',
    `http://127.0.0.1:${port}/v1`,
    '--caption-model',
    'm',
    '--caption-concurrency',
    concurrency,
  ]);
  worker.postMessage('read');
  const { questions, serviceMs, firstMs, lastMs } = await new Promise((resolve) =>
    worker.once('message', resolve),
  );
  console.log(
    JSON.stringify({
      images: Number(images),
      crops: detected.objects,
      questions,
      detector,
      answerMs: Number(answerMs),
      concurrency: Number(concurrency),
      busy: Number((serviceMs / ((lastMs - firstMs) * Number(concurrency))).toFixed(3)),
      questionsPerSecond: Math.round((questions * 1000) / (lastMs - firstMs)),
      capacityPerSecond: Math.round((Number(concurrency) * 1000) / Number(answerMs)),
      stagesWithout: stagesWithout.map(({ stage, seconds }) => `${stage} ${seconds.toFixed(1)}`).join(', '),
      secondsWithout: Number(without.seconds.toFixed(1)),
      secondsWith: Number(detected.seconds.toFixed(1)),
      cpuSecondsWith: cpuSeconds,
    }),
  );
  await worker.terminate();
  rmSync(work, { recursive: true, force: true });
}
