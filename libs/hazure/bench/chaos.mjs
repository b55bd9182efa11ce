// What a run survives: kills at named moments and at random, a full disk at each writer, a lost folder, damaged shards,
// many starters; every time the run is then done again with `resume`, and must equal one that nothing disturbed.
//
//   node libs/hazure/bench/chaos.mjs [--seed 1] [--kills 30] [--disks 15] [--damages 6] [--starts 20] [--others 3] [--images 300]
//
// Needs the built library. Prints a table; ends with 1 if anything differs. As root, part of the full disks are real ones.
import { parseArgs } from 'node:util';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DAMAGES, DISKS, KILLS, OTHERS } from './chaos/faults.mjs';
import { Campaign } from './chaos/campaign.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    kills: { type: 'string', default: '30' },
    disks: { type: 'string', default: '15' },
    damages: { type: 'string', default: '6' },
    starts: { type: 'string', default: '20' },
    others: { type: 'string', default: '3' },
    images: { type: 'string', default: '300' },
    keep: { type: 'boolean', default: false },
  },
});
const count = (name) => Number(values[name]);
const work = await mkdtemp(join(tmpdir(), 'hazure-chaos-'));
const campaign = new Campaign(work, count('seed'), count('images'));
try {
  await campaign.prepare();
  // most of the kills have a name, the others a random moment
  const named = campaign.some(KILLS, Math.ceil(count('kills') * 0.65));
  await campaign.each('kill', [...named, ...campaign.randomKills(count('kills') - named.length)]);
  await campaign.each('full disk', campaign.some(DISKS, count('disks')));
  await campaign.each('damaged shard', campaign.some(DAMAGES, count('damages')));
  await campaign.each('other', campaign.some(OTHERS, count('others')));
  if (count('starts') > 0) await campaign.starters(count('starts'));
  campaign.print();
  process.exitCode = campaign.failures > 0 ? 1 : 0;
} finally {
  if (values.keep) console.log(work);
  else await rm(work, { recursive: true, force: true });
}
