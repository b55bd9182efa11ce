/**
 * Runs the built Qwen2-VL adapter in a process of its own, as an application would: onnxruntime-node does not live in
 * jest's realms. Reads one JSON request from standard input, prints one JSON answer.
 */
import { readFileSync } from 'node:fs';
import { Qwen2Vl } from '../dist/index.js';

const { folder, crops = [], prompts = [], options = {}, abortAfterMs } = JSON.parse(readFileSync(0, 'utf8'));
const answer = {};
try {
  const model = await Qwen2Vl.load({ folder, name: 'tiny-qwen2-vl', ...options });
  answer.info = model.info;
  const controller = new globalThis.AbortController();
  if (abortAfterMs !== undefined) setTimeout(() => controller.abort(), abortAfterMs).unref();
  const requests = crops.map(({ widthPx, heightPx, shade, className = 'car', box = null }, i) => {
    const data = Uint8Array.from(
      { length: widthPx * heightPx * 3 },
      (_, at) => (at * shade + (at % 3) * 60) & 255,
    );
    const ref = { index: i, id: `${i}.png`, path: `${i}.png`, bytes: 1 };
    return {
      cropId: `${i}#0`,
      region: { image: { ref, widthPx, heightPx, data }, box },
      className,
      confidence: 1,
    };
  });
  answer.outcomes = await model.caption(requests, controller.signal);
  answer.texts = [];
  for (const prompt of prompts) answer.texts.push(await model.generate(prompt));
  await model.close();
} catch (error) {
  answer.error = { code: error.code, message: error.message, hint: error.hint };
}
console.log(JSON.stringify(answer));
