/** Rates, memory and recovery of one loaded model. */
import { OutOfDeviceMemoryError } from '../../libs/contracts/dist/index.js';
import { AdaptiveBatcher } from '../../libs/device-memory/dist/index.js';

/** Items per second of `call(batch)`, two calls in flight, after one to warm up. */
export async function rate(items, batchSize, seconds, call) {
  const batch = Array.from({ length: batchSize }, (_, i) => items[i % items.length]);
  await call(batch);
  const began = performance.now();
  let done = 0;
  let previous;
  while (performance.now() - began < seconds * 1000) {
    const current = call(batch);
    await previous;
    previous = current;
    done += batchSize;
  }
  await previous;
  return (done * 1000) / (performance.now() - began);
}

/** Memory that the first call at each batch size takes on the device, bytes; from small to large. */
export async function memoryOf(engine, device, sizes, items, call) {
  const free = () => engine.memory().find((entry) => entry.device === device)?.freeBytes ?? 0;
  const rows = [];
  for (const size of sizes) {
    const before = free();
    await call(Array.from({ length: size }, (_, i) => items[i % items.length]));
    rows.push({ batchSize: size, bytes: Math.max(0, before - free()) });
  }
  return rows;
}

/** The call as it is, or one that says it ran out of memory above so many items. */
export const limited = (call, most) =>
  most === null
    ? call
    : async (batch) => {
        if (batch.length > most)
          throw new OutOfDeviceMemoryError(`${batch.length} items do not fit (made up)`);
        return call(batch);
      };

/** Runs all items from a batch that can't fit; how often it shrank and whether the results are those of `wanted`. */
export async function recovery(items, initial, call, wanted, same) {
  const sizes = [];
  const batcher = new AdaptiveBatcher({
    initial,
    inFlight: 1,
    onResize: (size, reason) => reason === 'out-of-memory' && sizes.push(size),
  });
  const came = await batcher.run(items, call);
  return {
    shrankTo: sizes,
    same: came.length === items.length && came.every((value, i) => same(value, wanted[i % wanted.length])),
  };
}
