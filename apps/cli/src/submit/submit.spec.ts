import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { kubernetesManifests, type KubernetesPlan } from './kubernetes.js';
import { shellQuote } from './shell.js';
import { slurmScripts, type SlurmPlan } from './slurm.js';

const slurm: SlurmPlan = {
  shards: 8,
  words: ['learn', '--output-dir=/shared/out', '--classes=a b'],
  inputs: ["/shared/it's/*.jpg"],
  outputDir: '/shared/out',
  command: ['hazure'],
  jobName: 'hazure',
  partition: 'gpu',
  gpus: 1,
  cpus: 8,
  memory: '32G',
  time: '04:00:00',
  concurrency: 4,
  graceSeconds: 60,
  extra: ['--qos=low'],
};

const kubernetes: KubernetesPlan = {
  shards: 8,
  words: ['detect', '--output-dir=/data/out', '--baseline=/data/baseline_x'],
  inputs: ['s3://bucket/new/'],
  outputDir: '/data/out',
  name: 'parts',
  namespace: 'vision',
  image: 'registry.example/hazure:1',
  claim: 'data',
  mount: '/data',
  modelsClaim: 'models',
  gpus: 1,
  cpu: '8',
  memory: '32Gi',
  concurrency: 4,
  backoff: 3,
  secret: 's3',
  mergeDeadlineSeconds: 3600,
};

test('scripts of an array and its merge', () => {
  const { array, merge } = slurmScripts(slurm);
  expect(array).toMatchSnapshot();
  expect(merge).toMatchSnapshot();
  for (const script of [array, merge]) execFileSync('bash', ['-n'], { input: script });
});

test.each([
  { partition: 'gpu\n#SBATCH --uid=0' },
  { time: '1 --uid=0' },
  { extra: ['--comment=x\n--uid=0'] },
  { outputDir: '/a"b' },
  { outputDir: '/a%b' },
])('%j is no word of an #SBATCH line', (bad) => {
  expect(() => slurmScripts({ ...slurm, ...bad })).toThrow(/Slurm|sbatch/);
});

test('whatever a word holds, a shell gives it back', () => {
  for (const word of ["it's", 'a b', '$(id)', '`id`', '"', '\\', 'ü', '', '*', 'x\ny'])
    expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(word)}`]).toString()).toBe(word);
});

test('manifests of an indexed Job and its merge', () => {
  expect(kubernetesManifests(kubernetes)).toMatchSnapshot();
});

interface JobDocument {
  readonly spec: {
    readonly completions?: number;
    readonly template: {
      readonly spec: {
        readonly securityContext: object;
        readonly volumes: readonly { readonly name: string }[];
        readonly containers: readonly {
          readonly securityContext: object;
          readonly volumeMounts: readonly { readonly name: string }[];
        }[];
      };
    };
  };
}

type JobClass = new (job: object) => { validate(): void };

/** A Job checked by the API's own JSON Schema, as the package kubernetes-models brings it; null where it is not installed. */
function jobClass(): JobClass | null {
  try {
    const load = createRequire(import.meta.url);
    return (load('kubernetes-models/batch/v1') as { Job: JobClass }).Job;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

const Job = jobClass();
const schemaTest = Job === null ? test.skip : test;

schemaTest(
  `the API’s own schema takes the manifests${Job === null ? ' (kubernetes-models is not installed)' : ''}`,
  () => {
    for (const each of [
      kubernetes,
      { ...kubernetes, shards: 1, gpus: undefined, secret: undefined, modelsClaim: undefined },
    ]) {
      const files = kubernetesManifests(each);
      for (const name of ['parts.yaml', 'merge.yaml']) {
        const job = parse(files[name]) as { spec: { backoffLimit?: unknown } };
        const validate = (): void => new (Job as JobClass)(job).validate();
        validate();
        job.spec.backoffLimit = 'three';
        expect(validate).toThrow('backoffLimit');
      }
    }
  },
);

test('what a cluster that is locked down asks for, and kubectl’s own kustomize takes them where it is', () => {
  const files = kubernetesManifests(kubernetes);
  for (const name of ['parts.yaml', 'merge.yaml']) {
    const { spec } = (parse(files[name]) as JobDocument).spec.template;
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true });
    const volumes = new Set(spec.volumes.map((volume) => volume.name));
    for (const { securityContext, volumeMounts } of spec.containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      for (const mount of volumeMounts) expect(volumes).toContain(mount.name);
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'hazure-kustomize-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const built = kustomize(folder);
    if (built !== null) expect(built.match(/namespace: vision/g)).toHaveLength(2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** null where there is no kubectl. Reaches no cluster. */
function kustomize(folder: string): string | null {
  try {
    return execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

test.each([
  { name: 'Parts' },
  { namespace: 'a_b' },
  { memory: 'much' },
  { outputDir: 'results' },
  { outputDir: '/elsewhere' },
  { shards: 100_001 },
])('%j is refused', (bad) => {
  expect(() => kubernetesManifests({ ...kubernetes, ...bad })).toThrow();
});
