import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Clock, Logger, ProgressEvent, ProgressSink } from '@hazure/contracts';

const LINE_EVERY_MS = 5000;
/** Lines and bars fit a narrow terminal, or half of one. */
export const COLUMNS = 60;

interface Rate {
  readonly sinceMs: number;
  readonly from: number;
}

function memoryText(): string {
  const mebibytes = process.memoryUsage().rss / 2 ** 20;
  return mebibytes < 1024 ? `${Math.round(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}

/** `0.8`, `12.3`, `1234`: never more than needed. */
function rateText(perSecond: number): string {
  return perSecond < 100 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

/** `42s`, `7m`, `3h10m`. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const minutes = Math.round(seconds / 60);
  if (seconds < 100) return `${Math.ceil(seconds)}s`;
  return minutes < 100 ? `${minutes}m` : `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}

/**
 * A line of progress within {@link COLUMNS}; where it would be longer, what matters least goes first: memory, unit.
 * @param perSecond items a second; 0 or not finite where nothing is known yet
 */
export function progressLine(event: ProgressEvent, perSecond: number, memory: string): string {
  const { stage, done, total, unit } = event;
  const count = total === null ? String(done) : `${done}/${total}`;
  const rate = `${rateText(perSecond)}/s`;
  const left = total === null ? [] : [`${durationText((total - done) / perSecond)} left`];
  const line = (head: string, parts: readonly string[]): string => [head, ...parts].join(', ');
  const options = [
    line(`${stage}: ${count} ${unit}`, [rate, ...left, memory]),
    line(`${stage}: ${count} ${unit}`, [rate, ...left]),
    line(`${stage}: ${count}`, [rate, ...left]),
  ];
  return options.find((each) => each.length <= COLUMNS) ?? options[2].slice(0, COLUMNS);
}

/** Bars with rate and ETA on standard error, for a person at a terminal. */
export class TerminalProgress implements ProgressSink {
  private readonly bars: MultiBar;
  private readonly byStage = new Map<string, { bar: SingleBar; rate: Rate }>();

  constructor(private readonly clock: Clock) {
    this.bars = new MultiBar(
      {
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: false,
        forceRedraw: false,
        // 9 + 8 + 15 for a million of a million + rate, time and memory: within COLUMNS
        format: '{stage} {bar} {value}/{total} {perSecond}/s {left} {memory}',
        barsize: 8,
      },
      Presets.shades_grey,
    );
  }

  update(event: ProgressEvent): void {
    let entry = this.byStage.get(event.stage);
    if (!entry) {
      const bar = this.bars.create(event.total ?? 0, event.done, {
        stage: event.stage.padEnd(9),
        perSecond: '-',
        left: '',
        memory: memoryText(),
      });
      entry = { bar, rate: { sinceMs: this.clock.monotonicMs(), from: event.done } };
      this.byStage.set(event.stage, entry);
    }
    const seconds = (this.clock.monotonicMs() - entry.rate.sinceMs) / 1000;
    const rate = seconds > 0 ? (event.done - entry.rate.from) / seconds : 0;
    entry.bar.update(event.done, {
      perSecond: seconds > 0 ? rateText(rate) : '-',
      left: event.total === null || rate === 0 ? '' : durationText((event.total - event.done) / rate),
      memory: memoryText(),
    });
  }

  finish(stage: string): void {
    this.byStage.get(stage)?.bar.stop();
    this.byStage.delete(stage);
    if (this.byStage.size === 0) this.bars.stop();
  }
}

/** One line every few seconds, for log files and pipes. */
export class LineProgress implements ProgressSink {
  private readonly last = new Map<string, { atMs: number; rate: Rate; done: number; unit: string }>();

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  update(event: ProgressEvent): void {
    const nowMs = this.clock.monotonicMs();
    const seen = this.last.get(event.stage);
    if (!seen) {
      this.last.set(event.stage, {
        atMs: nowMs,
        rate: { sinceMs: nowMs, from: event.done },
        done: event.done,
        unit: event.unit,
      });
      return;
    }
    seen.done = event.done;
    if (nowMs - seen.atMs < LINE_EVERY_MS) return;
    seen.atMs = nowMs;
    const perSecond = (event.done - seen.rate.from) / ((nowMs - seen.rate.sinceMs) / 1000);
    this.logger.info(progressLine(event, perSecond, memoryText()));
  }

  finish(stage: string): void {
    const seen = this.last.get(stage);
    if (!seen) return;
    this.last.delete(stage);
    const seconds = (this.clock.monotonicMs() - seen.rate.sinceMs) / 1000;
    this.logger.info(`${stage}: ${seen.done} ${seen.unit} done in ${seconds.toFixed(1)} s`);
  }
}
