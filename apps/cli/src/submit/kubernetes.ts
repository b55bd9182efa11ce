import { stringify } from 'yaml';
import { ConfigError } from '@hazure/contracts';
import { shellQuote } from './shell.js';

/** How a sharded run is given to Kubernetes. */
export interface KubernetesPlan {
  readonly shards: number;
  /** Phase and options, as words of a command line after `hazure`, without `--shard`. */
  readonly words: readonly string[];
  /** As they are inside the containers. */
  readonly inputs: readonly string[];
  /** Path inside the containers, on the claim. */
  readonly outputDir: string;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly image: string;
  /** PersistentVolumeClaim with images and results, ReadWriteMany, and where it is mounted. */
  readonly claim: string;
  readonly mount: string;
  /** PersistentVolumeClaim of a filled model cache, mounted read-only; absent: models lie on the claim or in the image. */
  readonly modelsClaim?: string | undefined;
  /** GPUs of each task, as `nvidia.com/gpu`. */
  readonly gpus?: number | undefined;
  /** Kubernetes' quantities, such as `4` and `16Gi`. */
  readonly cpu: string;
  readonly memory: string;
  /** Tasks at the same time; all when absent. */
  readonly concurrency?: number | undefined;
  /** Times that one part is tried again. */
  readonly backoff: number;
  /** Secret whose keys become environment variables (AWS_ACCESS_KEY_ID …), for inputs on S3. */
  readonly secret?: string | undefined;
  /** Longest that the merge waits for the parts. */
  readonly mergeDeadlineSeconds: number;
}

const USER = 10001;
const MODELS = '/models';

/**
 * `kustomization.yaml` and the two Jobs: an Indexed Job with one index a part (Kubernetes 1.33, or 1.31 with what is beta
 * there), and one that waits for the parts and merges. Containers are no root, write nothing but the claim and /tmp, and have
 * no capabilities and no token. A pod that is evicted counts as no failure; a wrong option ends its part at once.
 * @returns text by file name
 * @throws ConfigError for names that Kubernetes does not take
 */
export function kubernetesManifests(plan: KubernetesPlan): Record<string, string> {
  checkNames(plan);
  const resources = ['parts.yaml', 'merge.yaml'];
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    ...(plan.namespace === undefined ? {} : { namespace: plan.namespace }),
    labels: [{ pairs: { 'app.kubernetes.io/name': 'hazure', 'app.kubernetes.io/instance': plan.name } }],
    resources,
  };
  const text = (value: object): string => stringify(value, { lineWidth: 0 });
  return {
    'kustomization.yaml': text(kustomization),
    'parts.yaml': text(partsJob(plan)),
    'merge.yaml': text(mergeJob(plan)),
  };
}

function partsJob(plan: KubernetesPlan): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: `${plan.name}-parts` },
    spec: {
      completionMode: 'Indexed',
      completions: plan.shards,
      parallelism: Math.min(plan.concurrency ?? plan.shards, plan.shards),
      backoffLimitPerIndex: plan.backoff,
      successPolicy: { rules: [{ succeededIndexes: plan.shards === 1 ? '0' : `0-${plan.shards - 1}` }] },
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          {
            action: 'FailIndex',
            onExitCodes: { containerName: 'hazure', operator: 'In', values: [2] },
          },
        ],
      },
      template: podTemplate(plan, {
        args: [...plan.words, '--shard=auto', '--', ...plan.inputs],
        env: [{ name: 'HAZURE_SHARD_COUNT', value: `${plan.shards}` }],
        gpus: plan.gpus ?? 0,
      }),
    },
  };
}

function mergeJob(plan: KubernetesPlan): object {
  const seconds = plan.mergeDeadlineSeconds;
  const merge = `hazure merge ${shellQuote(plan.outputDir)} --wait ${seconds} --json`;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: `${plan.name}-merge` },
    spec: {
      backoffLimit: plan.backoff,
      activeDeadlineSeconds: seconds,
      template: podTemplate(plan, {
        // 3: done, and some images could not be read
        command: ['/bin/sh', '-c', `${merge} || [ $? -eq 3 ]`],
        env: [],
        gpus: 0,
      }),
    },
  };
}

function podTemplate(
  plan: KubernetesPlan,
  own: {
    readonly args?: readonly string[];
    readonly command?: readonly string[];
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly gpus: number;
  },
): object {
  const { modelsClaim, secret } = plan;
  const gpus = own.gpus > 0 ? { 'nvidia.com/gpu': own.gpus } : {};
  return {
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      // long enough to finish a batch and commit it
      terminationGracePeriodSeconds: 120,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER,
        runAsGroup: USER,
        fsGroup: USER,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'hazure',
          image: plan.image,
          ...(own.command ? { command: [...own.command] } : {}),
          ...(own.args ? { args: [...own.args] } : {}),
          env: [
            ...own.env,
            { name: 'HOME', value: '/tmp' },
            { name: 'HAZURE_HOST', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            ...(modelsClaim === undefined ? [] : [{ name: 'HAZURE_CACHE_DIR', value: MODELS }]),
          ],
          ...(secret === undefined ? {} : { envFrom: [{ secretRef: { name: secret } }] }),
          resources: {
            requests: { cpu: plan.cpu, memory: plan.memory, ...gpus },
            limits: { memory: plan.memory, ...gpus },
          },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [
            { name: 'data', mountPath: plan.mount },
            { name: 'tmp', mountPath: '/tmp' },
            ...(modelsClaim === undefined ? [] : [{ name: 'models', mountPath: MODELS, readOnly: true }]),
          ],
        },
      ],
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: plan.claim } },
        { name: 'tmp', emptyDir: {} },
        ...(modelsClaim === undefined
          ? []
          : [{ name: 'models', persistentVolumeClaim: { claimName: modelsClaim, readOnly: true } }]),
      ],
    },
  };
}

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const QUANTITY = /^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/;

function checkNames(plan: KubernetesPlan): void {
  const check = (what: string, value: string | undefined, pattern: RegExp, most: number): void => {
    if (value === undefined || (pattern.test(value) && value.length <= most)) return;
    throw new ConfigError(`The ${what} "${value}" is not one that Kubernetes takes`, {
      hint: 'Names are lower-case letters, digits and -, quantities such as 4 or 16Gi.',
    });
  };
  // a pod of an indexed Job is called <job>-<index>-<five letters>, and has the name as a label
  check('name', plan.name, LABEL, 40);
  check('namespace', plan.namespace, LABEL, 63);
  check('claim', plan.claim, SUBDOMAIN, 253);
  check('models claim', plan.modelsClaim, SUBDOMAIN, 253);
  check('secret', plan.secret, SUBDOMAIN, 253);
  check('cpu', plan.cpu, QUANTITY, 20);
  check('memory', plan.memory, QUANTITY, 20);
  for (const [what, path] of [
    ['output folder', plan.outputDir],
    ['mount', plan.mount],
  ]) {
    if (!path.startsWith('/') || path.includes(':'))
      throw new ConfigError(
        `The ${what} "${path}" must be an absolute path inside the containers, without a colon`,
      );
  }
  if (plan.outputDir !== plan.mount && !plan.outputDir.startsWith(`${plan.mount.replace(/\/$/, '')}/`)) {
    throw new ConfigError(
      `The output folder ${plan.outputDir} is not on the claim, which is mounted at ${plan.mount}`,
    );
  }
  if (plan.shards > 100_000 || plan.shards < 1)
    throw new ConfigError(`An indexed Job has 1 to 100,000 indices, not ${plan.shards}`);
}
