import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { learn } from '../src/index.js';
import { hazure, runFolder } from './hazure.js';
import { expectSameRun } from './run-contents.js';
import { SlurmCluster, noSlurm } from './slurm-cluster.js';
import { makeTinyModel, paintPicture } from '@hazure/test-kit';

const slurmTest = noSlurm === null ? test : test.skip;
const PICTURES = Number(process.env['HAZURE_SLURM_PICTURES'] ?? 320);

let root: string;
let cluster: SlurmCluster;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hazure-array-'));
  if (noSlurm === null) cluster = await SlurmCluster.start();
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(root, { recursive: true, force: true });
}, 30_000);

slurmTest(
  `an array of four and its merge, one task told to stop, one requeued from outside, are one whole run${noSlurm === null ? '' : ` (${noSlurm})`}`,
  async () => {
    const embedder = join(makeTinyModel('clip', join(root, 'clip')), 'onnx/vision_model.onnx');
    const images = join(root, 'images');
    mkdirSync(images);
    for (let i = 0; i < PICTURES; i++) {
      const path = join(images, `${String(i).padStart(4, '0')}.png`);
      if (i < 16) await paintPicture(path, i, 96 + (i % 5) * 16, 80);
      else copyFileSync(join(images, `${String(i % 16).padStart(4, '0')}.png`), path);
    }
    const settings = { detector: 'grid:4x4', embedder, device: 'cpu' as const };
    const whole = await learn({ ...settings, images, outputDir: join(root, 'whole') });

    const out = join(root, 'out');
    const submitted = await hazure(
      [
        ...['submit', 'slurm', 'learn', images, '--shards', '4', '--output-dir', out, '--json'],
        ...['--detector', 'grid:4x4', '--embedder', embedder, '--device', 'cpu', '--concurrency', '2'],
        ...['--cpus', '1', '--mem', '800M', '--time', '00:05:00', '--grace', '20'],
      ],
      cluster.env,
    );
    expect(submitted.stderr).not.toContain('error');
    const { jobs } = JSON.parse(submitted.stdout) as { jobs: { parts: string; merge: string } };
    const log = (part: number): string => {
      try {
        return readFileSync(join(out, `slurm/${part}.log`), 'utf8');
      } catch {
        return '';
      }
    };
    const said = async (part: number, text: string): Promise<void> => {
      for (let tries = 0; !log(part).includes(text); tries++) {
        if (tries > 300) throw new Error(`part ${part} never said ${text}: ${log(part)}\n${cluster.logs()}`);
        await pause(100);
      }
    };
    // as Slurm does before a time limit or to make room: the shell is told, finishes its batch, and requeues itself
    await said(1, 'Part 1 of 4');
    // scancel asks again while the job requeues itself, and then complains: what counts is in the log
    const signalled = cluster
      .run('scancel', ['--batch', '--signal=TERM', `${jobs.parts}_1`])
      .catch(() => undefined);
    // as after a node that died
    await said(2, 'Part 2 of 4');
    await cluster.run('scontrol', ['requeue', `${jobs.parts}_2`]);
    await signalled;
    await cluster.idle(300);
    expect(log(1)).toContain('back to the queue');
    expect(log(1).match(/Part 1 of 4/g)).toHaveLength(2);
    expect(log(2).match(/Part 2 of 4/g)?.length).toBeGreaterThan(1);
    expectSameRun(runFolder(out, 'baseline'), whole.folder);
  },
  400_000,
);
