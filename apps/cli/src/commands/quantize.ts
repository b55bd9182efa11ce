import type { Command } from 'commander';
import { ConfigError, EXIT } from '@hazure/contracts';
import { quantiseNamed, type QuantiseReport } from '@hazure/hazure';
import type { CommandOutcome } from '../console/outcome.js';
import type { Session } from '../session.js';

interface Flags {
  readonly calibrate: readonly string[];
  readonly out?: string;
  readonly target: 'cpu' | 'tensorrt';
  readonly maxLoss?: string;
}

/** `hazure models quantize MODEL --calibrate IMAGES…` */
export async function quantizeCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const flags = command.opts<Flags>();
  const maxLoss = flags.maxLoss === undefined ? undefined : shareOf(flags.maxLoss);
  const { path, report } = await quantiseNamed(
    {
      model: args[0],
      images: flags.calibrate,
      target: flags.target,
      ...(flags.out === undefined ? {} : { out: flags.out }),
      ...(maxLoss === undefined ? {} : { maxLoss }),
    },
    session,
  );
  return {
    json: { path, ...report },
    text: [`int8 model: ${path}`, ...lines(report)].join('\n'),
    exitCode: EXIT.done,
  };
}

/** @throws ConfigError unless it is a number from 0 to 1 */
function shareOf(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new ConfigError(`--max-loss takes a number from 0 to 1, got "${text}"`);
}

const SHOWN = 8;

function lines(report: QuantiseReport): string[] {
  const { agreement, speed, layers, sensitivity, images } = report;
  const lost =
    agreement.kind === 'boxes'
      ? `${(100 * agreement.at50).toFixed(1)}% of ${agreement.boxes} boxes agree at IoU 0.5, ${(100 * agreement.at90).toFixed(1)}% at 0.9`
      : `cosine of ${agreement.vectors} vectors: mean ${agreement.mean.toFixed(4)}, least ${agreement.least.toFixed(4)}`;
  const gained =
    speed === null
      ? 'not measured: the target is another device'
      : `${speed.speedup.toFixed(2)}× on one core (${speed.fp32Ms.toFixed(1)} → ${speed.int8Ms.toFixed(1)} ms)`;
  return [
    `agreement:  ${lost} (${images.judged} images that were not calibrated on)`,
    `speed:      ${gained}`,
    `layers:     ${layers.integer} in integers of ${report.weightBits} bits, ${layers.float} in floats`,
    ...report.float.slice(0, SHOWN).map(({ node, reason }) => `            ${node}: ${reason}`),
    ...(report.float.length > SHOWN
      ? [`            and ${report.float.length - SHOWN} more (--json lists all)`]
      : []),
    'costliest:  decibels of signal over noise when only that layer is in integers',
    ...sensitivity
      .slice(0, SHOWN)
      .map(({ node, decibels }) => `            ${decibels.toFixed(1)} dB  ${node}`),
    `advice:     ${report.advice === 'use' ? 'use it' : 'stay with the float model'}: ${report.because}`,
  ];
}
