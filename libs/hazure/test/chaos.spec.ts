import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('../bench/chaos.mjs', import.meta.url));

/** The short form of a campaign; `node libs/hazure/bench/chaos.mjs` is the long one. */
test('killed, on a full disk, with a damaged shard: resumed, a run equals one that nothing disturbed', () => {
  const options = { kills: 2, disks: 1, damages: 1, others: 0, starts: 3, images: 270 };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const table = execFileSync(process.execPath, [bench, ...args], {
    encoding: 'utf8',
    timeout: 170_000,
    stdio: 'pipe',
  });
  const outcomes = table.split('\n').filter((row) => /\| equal \|$/.test(row));
  expect(outcomes.length).toBe(6);
  expect(table).toContain('6 trials, 0 of them not as they should be');
}, 180_000);
