import type { Command } from 'commander';
import { EXIT } from '@hazure/contracts';
import { fetchGpuRuntime, gpuRuntimeStatus } from '@hazure/models';
import { downloadProgress } from '../console/download-progress.js';
import type { CommandOutcome } from '../console/outcome.js';
import {
  cacheFindings,
  modelCache,
  tensorRtCache,
  askEngine,
  chosenRuntime,
  renderFindings,
  type Finding,
  gpuFindings,
  diskSpace,
  machineFindings,
  inContainer,
  nvidiaTraces,
  askRegistry,
  environmentSettings,
  settingsFindings,
  npmVersion,
  softwareFindings,
} from '@hazure/diagnostics';
import { commandOptions } from '../options/resolve.js';
import type { Session } from '../session.js';
import { HAZURE_VERSION } from '@hazure/hazure';

/**
 * `hazure doctor`: what this machine offers, and the fix for what is missing. Ends with 1 only where the engine can't
 * be used. With `--fetch-gpu` the GPU runtime is fetched first.
 */
export async function doctorCommand(session: Session, command: Command): Promise<CommandOutcome> {
  const flags = commandOptions(command, 'doctor');
  if (flags.fetchGpu) {
    const download = downloadProgress(session);
    try {
      await fetchGpuRuntime({ signal: session.signal, onProgress: download.update });
    } finally {
      download.finish();
    }
  }
  const [engine, npm, runtime, disks, traces, models, engines, registry] = await Promise.all([
    askEngine(),
    npmVersion(),
    gpuRuntimeStatus(),
    diskSpace(flags.outputDir),
    nvidiaTraces(),
    modelCache(),
    tensorRtCache(),
    flags.checkRegistry ? askRegistry(() => session.clock.monotonicMs()) : null,
  ]);
  const report = 'message' in engine ? null : engine;
  const container = inContainer();
  const settings = environmentSettings();
  const findings: Finding[] = [
    ...softwareFindings(HAZURE_VERSION, npm, engine, chosenRuntime()),
    ...machineFindings(report, disks),
    ...(report === null ? [] : gpuFindings({ engine: report, traces, container, runtime })),
    ...cacheFindings(models, engines),
    ...settingsFindings(settings, registry),
  ];
  const count = (state: Finding['state']): number =>
    findings.filter((finding) => finding.state === state).length;
  const usable = report !== null;
  return {
    json: {
      version: HAZURE_VERSION,
      usable,
      problems: count('problem'),
      notes: count('note'),
      findings,
      node: { version: process.versions.node, npm, path: process.execPath },
      engine: report?.info ?? null,
      memory: report?.memory ?? [],
      providers: report?.providers ?? [],
      onnxRuntime: chosenRuntime(),
      telemetryOff: report?.telemetryOff ?? null,
      gpuRuntime: runtime,
      nvidia: { ...traces, container },
      disks,
      models,
      tensorRtCache: engines,
      environment: settings,
      registry,
    },
    text: `${renderFindings(findings)}\n${verdict(findings, usable, report?.info.cuda.devices.length ?? 0, count('note'))}`,
    exitCode: usable ? EXIT.done : EXIT.failed,
  };
}

function verdict(findings: readonly Finding[], usable: boolean, devices: number, notes: number): string {
  if (!usable) return 'hazure can’t run here yet: the engine does not work (see → above).';
  const ready = findings.filter(({ what, state }) => what.endsWith(' provider') && state === 'ok');
  const where =
    ready.length > 0
      ? `on the GPU (${ready.map(({ what }) => what.replace(' provider', '')).join(', ')})`
      : devices > 0
        ? 'on the CPU: the GPU is there, but no provider for it'
        : 'on the CPU';
  const rest = notes === 0 ? '' : ` ${notes} thing${notes === 1 ? '' : 's'} could be better, see !`;
  return `hazure works here, ${where}.${rest}`;
}
