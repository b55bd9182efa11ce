import type { Command } from 'commander';
import { EXIT, HazureError, messageOf } from '@hazure/contracts';
import {
  describeDetector,
  describeEmbedder,
  listModels,
  modelPath,
  pullModel,
  verifyModels,
  type BundleStatus,
  type DetectorDescription,
  type EmbedderDescription,
  type VerifyResult,
} from '@hazure/models';
import type { CommandOutcome } from '../console/outcome.js';
import { pullProgress } from '@hazure/hazure';
import type { Session } from '../session.js';

function describe(bundle: BundleStatus): string {
  const size = bundle.bytes === null ? '' : `, ${(bundle.bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = [
    `${bundle.id}  [${bundle.state}${size}]${bundle.packs.length > 0 ? `  packs: ${bundle.packs.join(', ')}` : ''}`,
    ...bundle.models.map(({ name, role, description }) => `    ${name} (${role}): ${description}`),
    `    from ${bundle.origin}`,
    `    licence ${bundle.licence}`,
  ];
  return lines.join('\n');
}

export async function modelsListCommand(): Promise<CommandOutcome> {
  const bundles = await listModels();
  return { json: { models: bundles }, text: bundles.map(describe).join('\n\n'), exitCode: EXIT.done };
}

export async function modelsPullCommand(
  session: Session,
  _command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const pulled: BundleStatus[] = [];
  for (const name of args) {
    session.logger.info(`Getting ${name} …`);
    const onProgress = pullProgress(session);
    pulled.push(...(await pullModel(name, { onProgress, signal: session.signal })));
  }
  return { json: { models: pulled }, text: pulled.map(describe).join('\n\n'), exitCode: EXIT.done };
}

export async function modelsVerifyCommand(
  _session: Session,
  _command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const results =
    args.length === 0
      ? await verifyModels()
      : (await Promise.all(args.map((name) => verifyModels(name)))).flat();
  const damaged = results.filter(({ ok }) => !ok);
  const text =
    results.length === 0
      ? 'Nothing is cached yet; `hazure models pull starter` fetches the small models.'
      : results.map(verdictOf).join('\n');
  return { json: { models: results }, text, exitCode: damaged.length > 0 ? EXIT.failed : EXIT.done };
}

export async function modelsPathCommand(
  _session: Session,
  _command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const path = await modelPath(args[0]);
  return { json: { name: args[0], path }, text: path, exitCode: EXIT.done };
}

function verdictOf({ id, ok, damaged, sha256, files }: VerifyResult): string {
  if (!ok) return `${id}: damaged (${damaged.join(', ')})`;
  return sha256 === undefined
    ? `${id}: whole`
    : `${id}: whole, sha256 ${sha256} over ${files?.join(', ') ?? id}`;
}

/** How a model would be read as a detector and as an embedder; with `--as`, as one of them, and its error whole. */
export async function modelsDescribeCommand(
  _session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const [name] = args;
  const { as } = command.opts<{ as?: 'detector' | 'embedder' }>();
  if (as) {
    const found = as === 'detector' ? await describeDetector(name) : await describeEmbedder(name);
    return { json: { name, [as]: readingOf(found) }, text: textOf(as, found), exitCode: EXIT.done };
  }
  const [detector, embedder] = await Promise.allSettled([describeDetector(name), describeEmbedder(name)]);
  if (detector.status === 'rejected' && embedder.status === 'rejected') throw detector.reason;
  const part = <T extends Described>(settled: PromiseSettledResult<T>): object =>
    settled.status === 'fulfilled' ? readingOf(settled.value) : { error: errorOf(settled.reason) };
  const told = (role: 'detector' | 'embedder', settled: PromiseSettledResult<Described>): string =>
    settled.status === 'fulfilled'
      ? textOf(role, settled.value)
      : `no ${role}: ${errorOf(settled.reason).message}`;
  return {
    json: { name, detector: part(detector), embedder: part(embedder) },
    text: [told('detector', detector), told('embedder', embedder)].join('\n\n'),
    exitCode: EXIT.done,
  };
}

type Described = DetectorDescription | EmbedderDescription;

function readingOf(found: Described): object {
  const { model, conclusions, because: _, ...rest } = found;
  const files = [model.files.graph, ...model.files.weights].map((file) => file.name);
  return { path: model.path, sha256: model.sha256, files, ...rest, conclusions };
}

function textOf(role: string, { model, because }: Described): string {
  return [`${role} ${model.name}, sha256 ${model.sha256}`, ...because.map((line) => `  ${line}`)].join('\n');
}

function errorOf(error: unknown): { code: string; message: string; hint?: string } {
  const code = error instanceof HazureError ? error.code : 'INTERNAL';
  const hint = error instanceof HazureError ? error.hint : undefined;
  return { code, message: messageOf(error), ...(hint === undefined ? {} : { hint }) };
}
