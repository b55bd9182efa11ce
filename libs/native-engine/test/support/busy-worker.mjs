// A worker thread in the middle of everything the engine can do; its parent terminates it.
import { parentPort, workerData } from 'node:worker_threads';

const { loadEngine } = await import(workerData.engine);
const engine = loadEngine();
const image = { data: new Uint8Array(1000 * 1000 * 3).fill(90), widthPx: 1000, heightPx: 1000 };
const regions = Array.from({ length: 8 }, () => ({ image, box: null }));
const embedder = await engine.loadEmbedder(workerData.config);
const session = await engine.loadSession(workerData.config.modelPath);
const data = new Float32Array(3 * 1000 * 1000);
const started = engine.preprocess(regions.slice(0, 1), workerData.config.preprocess);
for (let i = 0; i < 20; i++) {
  void embedder.embed(regions);
  void session.run({ image: { type: 'float32', dims: [1, 3, 1000, 1000], data } });
  void engine.preprocess(regions, workerData.config.preprocess);
}
await started;
parentPort.postMessage('busy');
