/**
 * How busy the OpenAI-compatible captioner keeps a server: a server on another thread answers each request after
 * 50 ms and serves 16 at once. `busy` is the server's own measure: the time its slots spent on requests ÷ the time
 * they existed. `ofNominal` compares with slots that answer after exactly 50 ms and get their next request at once; a
 * bare client that sends ready-made requests is timed in the same run, because timers and sockets cost their part.
 *
 *   node libs/captioning/bench/captioner-throughput.mjs [crops=1600] [concurrency=16] [answerMs=50]
 */
import { createServer } from 'node:http';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

if (!isMainThread) {
  const body = JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'A car.' } }] });
  let serviceMs = 0;
  const server = createServer((request, response) => {
    const started = performance.now();
    request.resume();
    request.on('end', () => {
      setTimeout(() => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(body);
        serviceMs += performance.now() - started;
      }, workerData.answerMs);
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  parentPort.on('message', () => {
    parentPort.postMessage(serviceMs);
    serviceMs = 0;
  });
} else {
  const [crops = 1600, concurrency = 16, answerMs = 50] = process.argv.slice(2).map(Number);
  const { OpenAiCaptioner, OpenAiClient } = await import('../dist/index.js');
  const worker = new Worker(new URL(import.meta.url), { workerData: { answerMs } });
  const port = await new Promise((resolve) => worker.once('message', resolve));

  // One noisy photo-sized image; every crop another part of it, so that no two are equal.
  const widthPx = 1600;
  const heightPx = 1200;
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let i = 0; i < data.length; i++)
    data[i] = (Math.sin(i / 997) * 60 + ((i * 2654435761) >>> 27) + 100) & 255;
  const image = { ref: { index: 0, id: 'a', path: 'a', bytes: 1 }, widthPx, heightPx, data };
  const requests = Array.from({ length: crops }, (_, i) => {
    const x1 = (i * 37) % (widthPx - 260);
    const y1 = (i * 17) % (heightPx - 200);
    return {
      cropId: `a#${i}`,
      region: { image, box: { x1, y1, x2: x1 + 180 + (i % 80), y2: y1 + 120 + (i % 60) } },
      className: 'car',
      confidence: 1,
    };
  });
  const url = `http://127.0.0.1:${port}`;
  const ask = (message) =>
    new Promise((resolve) => {
      worker.once('message', resolve);
      worker.postMessage(message);
    });
  const measure = async (client, count, work) => {
    await ask('reset');
    const cpu = process.cpuUsage();
    const started = performance.now();
    await work();
    const elapsedMs = performance.now() - started;
    const used = process.cpuUsage(cpu);
    const slotMs = elapsedMs * concurrency;
    console.log(
      JSON.stringify({
        client,
        requestsPerSecond: Math.round((count * 1000) / elapsedMs),
        busy: Number(((await ask('read')) / slotMs).toFixed(3)),
        ofNominal: Number(((count * answerMs) / slotMs).toFixed(3)),
        cpuMsPerCrop: Number(((used.user + used.system) / 1000 / count).toFixed(2)),
      }),
    );
  };

  const captioner = new OpenAiCaptioner({ url, model: 'm', seed: 1, concurrency });
  await captioner.caption(requests.slice(0, 64)); // connections and JPEG encoder warm
  const rest = requests.slice(64);
  await measure('hazure', rest.length, async () => {
    const outcomes = await captioner.caption(rest);
    if (outcomes.some(({ ok }) => !ok)) throw new Error('not every crop got a caption');
  });

  const client = new OpenAiClient({ url, seed: 1, concurrency });
  const messages = [{ role: 'user', content: 'x'.repeat(16_000) }];
  await measure('bare', rest.length, () =>
    Promise.all(
      rest.map(() => client.chat({ model: 'm', messages, max_tokens: 1, temperature: 0, seed: 1 })),
    ),
  );
  await captioner.close();
  client.close();
  await worker.terminate();
}
