import type { Clock, Logger } from '@hazure/contracts';

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  constructor(
    private nowMs = 0,
    private readonly start = new Date('2026-01-01T00:00:00Z'),
  ) {}

  now(): Date {
    return new Date(this.start.getTime() + this.nowMs);
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  advance(byMs: number): void {
    this.nowMs += byMs;
  }
}

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: object | undefined;
}

/** A logger that keeps what it was told. */
export class RecordingLogger implements Logger {
  readonly lines: LoggedLine[] = [];
  readonly debug = this.level('debug');
  readonly info = this.level('info');
  readonly warn = this.level('warn');
  readonly error = this.level('error');

  /** Messages of one level, in order. */
  messages(level: LoggedLine['level']): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  private level(level: LoggedLine['level']): Logger['info'] {
    return (message, fields) => void this.lines.push({ level, message, fields });
  }
}
