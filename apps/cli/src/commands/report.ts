import type { Command } from 'commander';
import { resolve } from 'node:path';
import { readManifest, writeAtomic } from '@hazure/run-store';
import type { CommandOutcome } from '../console/outcome.js';
import { ReportPresenter } from '@hazure/report';
import { HAZURE_VERSION } from '@hazure/hazure';
import type { Session } from '../session.js';

/** `hazure report RUN_DIR`: makes report.html again from the run's artifacts. */
export async function reportCommand(
  session: Session,
  _command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const folder = resolve(args[0]);
  const manifest = await readManifest(folder);
  const finished = { ...session.clock, now: () => new Date(manifest.createdAt) };
  const html = await new ReportPresenter(finished, HAZURE_VERSION).reportHtml(folder);
  const path = `${folder}/report.html`;
  const { bytes, sha256 } = await writeAtomic(path, html);
  const artifacts = manifest.artifacts.map((each) =>
    each.path === 'report.html' ? { ...each, bytes, sha256 } : each,
  );
  await writeAtomic(`${folder}/manifest.json`, `${JSON.stringify({ ...manifest, artifacts }, null, 2)}\n`);
  return { json: { report: path, bytes }, text: `Report: ${path}`, exitCode: 0 };
}
