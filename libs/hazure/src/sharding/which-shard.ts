import { ConfigError } from '@hazure/contracts';

/** Part `index` of `count`, 1-based. */
export interface ShardNumber {
  readonly index: number;
  readonly count: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** How an engine tells a task which one it is. */
interface Engine {
  readonly name: string;
  /** Present in every task of an array. */
  readonly index: string;
  readonly read: (number: (name: string) => number, environment: Environment) => ShardNumber;
}

/** What stands in for the number of tasks where an engine does not tell it, and overrules it where it does. */
const COUNT = 'HAZURE_SHARD_COUNT';

const ENGINES: readonly Engine[] = [
  {
    name: 'Slurm',
    index: 'SLURM_ARRAY_TASK_ID',
    read: (number, environment) => {
      const [id, min] = [number('SLURM_ARRAY_TASK_ID'), number('SLURM_ARRAY_TASK_MIN')];
      if (environment[COUNT] !== undefined) return { index: id, count: number(COUNT) };
      const [max, count] = [number('SLURM_ARRAY_TASK_MAX'), number('SLURM_ARRAY_TASK_COUNT')];
      // 1,5,6 or 0-9:3 would need a place in the list, which Slurm does not tell
      if (max - min + 1 !== count) {
        throw new ConfigError(`The Slurm array has ${count} tasks between ${min} and ${max}`, {
          hint: `Number them without gaps, or set ${COUNT} and number them from 1.`,
        });
      }
      return { index: id - min + 1, count };
    },
  },
  {
    name: 'Kubernetes',
    index: 'JOB_COMPLETION_INDEX',
    read: (number) => ({ index: number('JOB_COMPLETION_INDEX') + 1, count: number(COUNT) }),
  },
  {
    name: 'AWS Batch',
    index: 'AWS_BATCH_JOB_ARRAY_INDEX',
    read: (number) => ({
      index: number('AWS_BATCH_JOB_ARRAY_INDEX') + 1,
      count: number('AWS_BATCH_JOB_ARRAY_SIZE'),
    }),
  },
];

/**
 * Which part of a run this process is.
 * @param text `i/n`, or `auto`: what the engine that started the task says in its environment
 * @throws ConfigError where no engine says it, two do, or the numbers can't be
 */
export function whichShard(text: string, environment: Environment): ShardNumber {
  const { index, count } = text === 'auto' ? fromEngine(environment) : fromText(text);
  if (index < 1 || index > count || count > MOST_SHARDS) {
    throw new ConfigError(`There is no part ${index} of ${count}`, {
      hint: `Parts are numbered from 1, and there are at most ${MOST_SHARDS}.`,
    });
  }
  return { index, count };
}

const MOST_SHARDS = 100_000;

function fromText(text: string): ShardNumber {
  const [index, count] = text.split('/').map(Number);
  return { index, count };
}

function fromEngine(environment: Environment): ShardNumber {
  const found = ENGINES.filter(({ index }) => environment[index] !== undefined);
  if (found.length !== 1) {
    const known = ENGINES.map(({ name, index }) => `${index} (${name})`).join(', ');
    throw new ConfigError(
      found.length === 0
        ? `option shard auto: none of ${known} is set`
        : `option shard auto: ${found.map(({ name }) => name).join(' and ')} both say which part this is`,
      { hint: 'Write the part as I/N, such as --shard 3/8.' },
    );
  }
  return found[0].read((name) => wholeNumber(name, environment[name]), environment);
}

function wholeNumber(name: string, text: string | undefined): number {
  if (text !== undefined && /^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError(
    `option shard auto needs ${name} as a whole number; it is ${text === undefined ? 'not set' : `"${text}"`}`,
    { hint: `Set ${name}, or write the part as I/N, such as --shard 3/8.` },
  );
}
