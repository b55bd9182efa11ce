import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { LEAVE_TWO_SHARDS } from './faults.mjs';

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url));
const TINY_CLIP = fileURLToPath(
  new URL('../../../test-kit/src/tiny-models/make-tiny-clip.mjs', import.meta.url),
);
/** Times, and what holds paths or tells what the run went through, may differ. */
const MAY_DIFFER = new Set(['timing.json', 'timing.txt', 'report.html', 'config.json']);
const HOLD_WARNINGS = new Set(['statistics.json', 'class_statistics.json']);

export class Campaign {
  rows = [];
  failures = 0;
  folders = 0;

  constructor(work, seed, images) {
    this.work = work;
    this.random = mulberry(seed);
    this.images = images;
  }

  async prepare() {
    execFileSync(process.execPath, [TINY_CLIP, join(this.work, 'clip')], { stdio: 'pipe' });
    this.task = {
      normal: join(this.work, 'normal'),
      fresh: join(this.work, 'fresh'),
      models: { detector: 'none', embedder: join(this.work, 'clip/onnx/vision_model.onnx') },
    };
    await paint(this.task.normal, this.images, 0);
    await paint(this.task.fresh, Math.ceil(this.images * 0.2), 5000);
    const { out, answer } = await this.start(null);
    if (answer?.code !== null) throw new Error(`the undisturbed run failed: ${answer?.message}`);
    this.expected = await contents(out);
    this.undisturbedMs = answer.ms;
    // a second one tells what differs without any fault
    const again = await this.start(null);
    this.note('undisturbed', 'again', again.answer, await contents(again.out));
  }

  some(list, count) {
    const all = [...list];
    if (count > all.length) console.error(`only ${all.length} of the ${count} are named; the others repeat`);
    return Array.from({ length: count }, (_, i) => all[i % all.length]);
  }

  randomKills(count) {
    return Array.from({ length: Math.max(0, count) }, () => {
      const afterMs = Math.round((0.05 + 0.95 * this.random()) * this.undisturbedMs);
      return { name: `after ${afterMs} ms`, kind: 'kill', afterMs };
    });
  }

  async each(kind, faults) {
    const left = faults.values();
    const work = async () => {
      for (const fault of left) await this.one(kind, fault);
    };
    await Promise.all([work(), work()]);
  }

  async one(kind, fault) {
    if (fault.kind === 'tmpfs') return this.tmpfs(kind, fault);
    const { out, answer, died } = await this.start(fault.kind === 'damage' ? LEAVE_TWO_SHARDS : fault);
    if (fault.kind === 'short') return this.note(kind, fault.name, answer, await contents(out));
    const problems = [];
    if (fault.kind === 'full' && answer?.code !== 'OUTPUT_UNWRITABLE')
      problems.push(`ended with ${answer?.code}`);
    if (fault.kind === 'full' && !/ENOSPC/.test(answer?.message ?? ''))
      problems.push('another cause was told');
    if (fault.kind === 'vanish' && (answer?.code ?? null) === null) problems.push('the loss went unseen');
    if (answer?.code === 'UNCODED') problems.push(`an error without a code: ${answer.message}`);
    await this.again(kind, fault, out, died ? 'killed' : `${answer?.code}`, problems);
  }

  /** Goes on with what a fault left. */
  async again(kind, fault, out, first, problems) {
    const kept = await finishedImages(out);
    if (fault.kind === 'damage') await fault.harm(await shardsFolder(out));
    const { answer } = await this.start(null, out);
    if (fault.kind === 'damage' && !answer?.warnings.includes('SHARD_DAMAGED'))
      problems.push('no word of the damage');
    const taken = /going on after (\d+)/.exec(answer?.said.join('\n') ?? '');
    if (fault.kind !== 'damage' && kept > 0 && Number(taken?.[1] ?? -1) !== kept)
      problems.push(`went on after ${taken?.[1] ?? 'nothing'} of ${kept} finished images`);
    this.note(kind, fault.name, answer, await contents(out), first, problems, kept);
  }

  /** A disk that is really full; afterwards there is more room. */
  async tmpfs(kind, fault) {
    const out = join(this.work, `disk-${this.folders++}`);
    await mkdir(out);
    const mounted =
      spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${fault.kib}k`, 'tmpfs', out]).status === 0;
    if (!mounted)
      return this.one(kind, {
        name: `${fault.name}, simulated`,
        kind: 'full',
        match: '.',
        bytes: fault.kib * 1024,
      });
    try {
      const { answer } = await this.start(null, out);
      const problems = answer?.code === 'OUTPUT_UNWRITABLE' ? [] : [`ended with ${answer?.code}`];
      execFileSync('mount', ['-o', 'remount,size=500m', out]);
      await this.again(kind, { ...fault, name: `${fault.name}, real` }, out, `${answer?.code}`, problems);
    } finally {
      spawnSync('umount', [out]);
    }
  }

  /** Many at once go on with one unfinished run. */
  async starters(count) {
    const { out } = await this.start(LEAVE_TWO_SHARDS);
    const starts = await Promise.all(Array.from({ length: count }, () => this.start(null, out)));
    const answers = starts.map(({ answer }) => answer);
    const won = answers.filter((each) => each?.code === null);
    const learned = won.filter(
      (each) => !each.said.some((text) => /baseline is finished already/.test(text)),
    );
    const refused = answers.filter(
      (each) => each?.code === 'OUTPUT_UNWRITABLE' && /Another run has/.test(each.message),
    );
    const problems = [];
    if (learned.length !== 1) problems.push(`${learned.length} have learned`);
    const odd = answers.filter((each) => !won.includes(each) && !refused.includes(each));
    if (odd.length > 0) problems.push(`others ended with ${odd.map((each) => each?.message ?? 'nothing')}`);
    const first = `${learned.length} learned, ${won.length - learned.length} came later, ${refused.length} refused`;
    this.note('starters', `${count} at once`, { code: null }, await contents(out), first, problems);
  }

  start(fault, into) {
    const out = into ?? join(this.work, `out-${this.folders++}`);
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [CHILD], {
        env: { ...process.env, NODE_OPTIONS: '', CHAOS_TASK: JSON.stringify({ ...this.task, out, fault }) },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (data) => (stdout += data));
      child.stderr.on('data', (data) => (stderr += data));
      child.on('close', (_, signal) => {
        const last = stdout.trim().split('\n').at(-1);
        const answer = last?.startsWith('{') ? JSON.parse(last) : null;
        if (answer === null && signal === null) console.error(stderr);
        resolve({ out, answer, died: signal === 'SIGKILL' });
      });
    });
  }

  note(kind, name, answer, found, first = '', problems = [], kept = '') {
    if ((answer?.code ?? null) !== null || answer === null)
      problems.push(`the second run failed: ${answer?.code} ${answer?.message}`);
    problems.push(...differences(this.expected, found));
    if (problems.length > 0) this.failures++;
    this.rows.push({
      kind,
      name,
      first,
      kept,
      outcome: problems.length === 0 ? 'equal' : problems.join('; '),
    });
    console.error(`${kind}: ${name}: ${this.rows.at(-1).outcome}`);
  }

  print() {
    console.log(
      '| what | where | first run | images kept | after resume |\n| --- | --- | --- | ---: | --- |',
    );
    for (const { kind, name, first, kept, outcome } of this.rows)
      console.log(`| ${kind} | ${name} | ${first} | ${kept} | ${outcome} |`);
    console.log(
      `\n${this.rows.length} trials, ${this.failures} of them not as they should be; undisturbed ${Math.round(this.undisturbedMs)} ms`,
    );
  }
}

function mulberry(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function paint(folder, count, offset) {
  await mkdir(folder);
  const [width, height] = [48, 32];
  for (let i = 0; i < count; i++) {
    const number = offset + i;
    const data = new Uint8Array(width * height * 3).map(
      (_, at) =>
        128 + 90 * Math.sin((at % (width * 3)) / (5 + (number % 13)) + number) + ((at * number) % 37),
    );
    const name = join(folder, `${String(i).padStart(5, '0')}.png`);
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png({ compressionLevel: 1 })
      .toFile(name);
  }
}

/** Of every finished run, the checksum of each artifact that must not differ. */
async function contents(out) {
  const runs = [];
  for (const name of (await readdir(out)).sort()) {
    const kind = /^(baseline|detection)_[0-9_]+$/.exec(name)?.[1];
    if (!kind) continue;
    const manifest = JSON.parse(await readFile(join(out, name, 'manifest.json'), 'utf8'));
    const files = {};
    for (const { path, sha256 } of manifest.artifacts) {
      if (HOLD_WARNINGS.has(path)) files[path] = await withoutWarnings(join(out, name, path));
      else if (!MAY_DIFFER.has(path)) files[path] = await checked(join(out, name, path), sha256);
    }
    for (const { path, files: count, bytes } of manifest.folders)
      files[path] = `${count} files, ${bytes} bytes`;
    runs.push({ kind, files });
  }
  return runs;
}

async function withoutWarnings(path) {
  return JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), warnings: [] });
}

async function checked(path, sha256) {
  const found = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return found === sha256 ? found : `not what its manifest says`;
}

function differences(expected, found) {
  const problems = [];
  for (const { kind, files } of expected) {
    const same = found.filter((run) => run.kind === kind);
    if (same.length === 0) problems.push(`no finished ${kind}`);
    for (const run of same)
      for (const name of new Set([...Object.keys(files), ...Object.keys(run.files)]))
        if (files[name] !== run.files[name]) problems.push(`${kind}/${name} differs`);
  }
  return problems;
}

async function shardsFolder(out) {
  const name = (await readdir(out)).find((each) => each.endsWith('.partial'));
  return name ? join(out, name, '.shards') : null;
}

/** Images of all shards that were committed in the unfinished run. */
async function finishedImages(out) {
  const shards = await shardsFolder(out).catch(() => null);
  if (!shards) return 0;
  let images = 0;
  for (const name of await readdir(shards).catch(() => [])) {
    const match = /^shard-(\d+)-(\d+)\.jsonl$/.exec(name);
    if (match) images += Number(match[2]) - Number(match[1]);
  }
  return images;
}
