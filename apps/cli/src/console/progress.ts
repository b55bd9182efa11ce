import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Clock, Logger, ProgressEvent, ProgressSink } from '@hazure/contracts';

const LINE_EVERY_MS = 5000;

interface Rate {
  readonly sinceMs: number;
  readonly from: number;
}

function memoryText(): string {
  return `${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`;
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
        format: ' {stage} [{bar}] {value}/{total} {unit}  {perSecond}/s  ETA {eta_formatted}  {memory}',
        etaBuffer: 50,
      },
      Presets.shades_grey,
    );
  }

  update(event: ProgressEvent): void {
    let entry = this.byStage.get(event.stage);
    if (!entry) {
      const bar = this.bars.create(event.total ?? 0, event.done, {
        stage: event.stage.padEnd(9),
        unit: event.unit,
        perSecond: '-',
        memory: memoryText(),
      });
      entry = { bar, rate: { sinceMs: this.clock.monotonicMs(), from: event.done } };
      this.byStage.set(event.stage, entry);
    }
    const seconds = (this.clock.monotonicMs() - entry.rate.sinceMs) / 1000;
    const perSecond = seconds > 0 ? ((event.done - entry.rate.from) / seconds).toFixed(1) : '-';
    entry.bar.update(event.done, { perSecond, memory: memoryText() });
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
    const remaining =
      event.total === null ? '' : `, about ${Math.ceil((event.total - event.done) / perSecond)} s left`;
    this.logger.info(
      `${event.stage}: ${event.done}${event.total === null ? '' : ` of ${event.total}`} ${event.unit}, ` +
        `${perSecond.toFixed(1)}/s${remaining}, ${memoryText()}`,
    );
  }

  finish(stage: string): void {
    const seen = this.last.get(stage);
    if (!seen) return;
    this.last.delete(stage);
    const seconds = (this.clock.monotonicMs() - seen.rate.sinceMs) / 1000;
    this.logger.info(`${stage}: ${seen.done} ${seen.unit} done in ${seconds.toFixed(1)} s`);
  }
}
