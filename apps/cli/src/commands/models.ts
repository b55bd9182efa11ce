import type { Command } from 'commander';
import { EXIT } from '@hazure/contracts';
import { listModels, modelPath, pullModel, verifyModels, type BundleStatus } from '@hazure/models';
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
      : results
          .map(({ id, ok, damaged: files }) => (ok ? `${id}: whole` : `${id}: damaged (${files.join(', ')})`))
          .join('\n');
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
