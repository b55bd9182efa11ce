import type { RunFolder } from '@hazure/contracts';
import { StageTimes } from './stage-times.js';
import { writeTiming } from './timing.js';

test('each stage has its time, its rate and the most memory that was held while it ran', async () => {
  let nowMs = 0;
  const held = [300, 500, 400, 450].map((mebibytes) => mebibytes * 2 ** 20);
  const times = new StageTimes(
    { now: () => new Date(0), monotonicMs: () => nowMs },
    null,
    () => held.shift() ?? 0,
  );
  const spend = (stage: string, ms: number): Promise<void> =>
    times.measure(stage, 'images', 4, async () => {
      nowMs += ms;
    });
  await spend('decode', 1000);
  await spend('decode', 1000);
  await spend('detect', 0);

  const files = new Map<string, unknown>();
  const folder = {
    writeJson: async (name: string, value: unknown) => void files.set(name, value),
    writeText: async (name: string, value: string) => void files.set(name, value),
  } as unknown as RunFolder;
  expect(await writeTiming(folder, times, { images: 4, objects: 9 })).toBe(2);
  expect(files.get('timing.json')).toMatchObject({
    totalSeconds: 2,
    images: 4,
    stages: [
      { stage: 'decode', seconds: 2, items: 8, perSecond: 4, memoryBytes: 500 * 2 ** 20 },
      { stage: 'detect', seconds: 0, perSecond: null, memoryBytes: 400 * 2 ** 20 },
    ],
  });
  expect(files.get('timing.txt')).toMatch(
    /^stage +busy s +items +per s +memory\ndecode +2\.00 +8 images +4\.0 +500 MiB\ndetect +0\.00 +4 images +- +400 MiB\n/,
  );
});
