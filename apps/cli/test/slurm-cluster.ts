import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Where Slurm lies: packages that tools/slurm/extract.sh extracted. */
const extracted = process.env['HAZURE_SLURM_ROOT'];

/** Why the tests with a real Slurm can't run here; null when they can. */
export const noSlurm =
  extracted === undefined
    ? 'HAZURE_SLURM_ROOT is not set; tools/slurm/extract.sh DIR makes such a folder'
    : existsSync(join(extracted, 'usr/sbin/slurmctld-wlm'))
      ? null
      : `${extracted} holds no Slurm`;

/** A Slurm of this machine alone, without accounts, running as whoever runs the test. */
export class SlurmCluster {
  private readonly daemons: ChildProcess[] = [];
  readonly env: NodeJS.ProcessEnv;

  private constructor(
    private readonly folder: string,
    private readonly root: string,
  ) {
    const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
    this.env = {
      ...process.env,
      NODE_OPTIONS: '',
      SLURM_CONF: join(folder, 'slurm.conf'),
      LD_LIBRARY_PATH: `${libraries}:${libraries}/slurm-wlm`,
      PATH: `${join(root, 'usr/bin')}:${process.env['PATH'] ?? ''}`,
    };
  }

  static async start(): Promise<SlurmCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'hazure-slurm-'));
    const cluster = new SlurmCluster(folder, extracted as string);
    const [controller, node] = [await freePort(), await freePort()];
    for (const name of ['state', 'spool']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'slurm.conf'), cluster.configuration(controller, node));
    cluster.spawn('slurmctld');
    cluster.spawn('slurmd');
    for (let tries = 0; ; tries++) {
      const state = await cluster.run('sinfo', ['-h', '-o', '%T']).catch((error: Error) => error.message);
      if (state === 'idle') return cluster;
      if (tries === 60) {
        const log = cluster.logs();
        await cluster.stop();
        throw new Error(`Slurm did not start: ${state}\n${log}`);
      }
      await pause(500);
    }
  }

  async run(tool: string, args: readonly string[]): Promise<string> {
    const said = await execute(join(this.root, 'usr/bin', tool), [...args], { env: this.env });
    return said.stdout.trim();
  }

  /** Until no job is left. */
  async idle(mostSeconds: number): Promise<void> {
    for (let seconds = 0; seconds < mostSeconds; seconds++) {
      if ((await this.run('squeue', ['-h', '-o', '%i'])) === '') return;
      await pause(1000);
    }
    throw new Error(`Jobs are left: ${await this.run('squeue', ['-o', '%i %T %r'])}\n${this.logs()}`);
  }

  logs(): string {
    return ['slurmctld', 'slurmd']
      .map((name) => join(this.folder, `${name}.log`))
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, 'utf8').split('\n').slice(-30).join('\n'))
      .join('\n');
  }

  async stop(): Promise<void> {
    const ended = this.daemons.map((daemon) =>
      daemon.exitCode === null ? new Promise((resolve) => daemon.once('exit', resolve)) : Promise.resolve(),
    );
    for (const daemon of this.daemons) daemon.kill('SIGTERM');
    await Promise.race([Promise.all(ended), pause(10_000, undefined, { ref: false })]);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private spawn(name: 'slurmctld' | 'slurmd'): void {
    const program = join(this.root, `usr/sbin/${name}-wlm`);
    const stepd = name === 'slurmd' ? ['-d', join(this.root, 'usr/sbin/slurmstepd-wlm')] : [];
    this.daemons.push(spawn(program, ['-D', ...stepd], { env: this.env, stdio: 'ignore' }));
  }

  private configuration(controller: number, node: number): string {
    const { folder, root } = this;
    const host = hostname();
    const lines = {
      ClusterName: 'hazure',
      SlurmctldHost: `${host}(127.0.0.1)`,
      SlurmctldPort: controller,
      SlurmdPort: node,
      SlurmUser: userInfo().username,
      SlurmdUser: userInfo().username,
      AuthType: 'auth/none',
      CredType: 'cred/none',
      PluginDir: join(root, 'usr/lib/x86_64-linux-gnu/slurm-wlm'),
      ProctrackType: 'proctrack/linuxproc',
      TaskPlugin: 'task/none',
      SelectType: 'select/cons_tres',
      SelectTypeParameters: 'CR_Core',
      SchedulerType: 'sched/backfill',
      SchedulerParameters: 'requeue_delay=1,bf_interval=2',
      ReturnToService: 2,
      MpiDefault: 'none',
      SwitchType: 'switch/none',
      JobAcctGatherType: 'jobacct_gather/none',
      AccountingStorageType: 'accounting_storage/none',
      KillWait: 5,
      MinJobAge: 300,
      StateSaveLocation: join(folder, 'state'),
      SlurmdSpoolDir: join(folder, 'spool'),
      SlurmctldPidFile: join(folder, 'slurmctld.pid'),
      SlurmdPidFile: join(folder, 'slurmd.pid'),
      SlurmctldLogFile: join(folder, 'slurmctld.log'),
      SlurmdLogFile: join(folder, 'slurmd.log'),
      SlurmdParameters: 'config_overrides',
      NodeName: `${host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN`,
      PartitionName: `all Nodes=${host} Default=YES MaxTime=INFINITE State=UP`,
    };
    return Object.entries(lines)
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
