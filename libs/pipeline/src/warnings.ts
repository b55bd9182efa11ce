import type { Finding } from '@hazure/anomaly-scoring';
import { ConfigError, type Logger, type RunWarning } from '@hazure/contracts';

/** What a run warned of, told at once and kept for its files. */
export class RunWarnings {
  readonly list: RunWarning[];

  /** @param earlier what was told already */
  constructor(
    private readonly logger: Logger,
    earlier: readonly RunWarning[] = [],
  ) {
    this.list = [...earlier];
  }

  add(code: string, message: string): void {
    this.list.push({ code, message });
    this.logger.warn(message, { code });
  }

  /** @throws ConfigError for a refusal, with the finding's code */
  addFinding(finding: Finding | null): void {
    if (finding === null) return;
    refuse(finding);
    this.add(finding.code, `${capitalised(finding.message)}. ${finding.hint}`);
  }
}

/** @throws ConfigError for a refusal, with the finding's code */
export function refuse({ severity, code, message, hint }: Finding): void {
  if (severity !== 'refusal') return;
  const known = code === 'PERCENTILE_IMPLAUSIBLE' || code === 'FDR_UNRESOLVABLE' ? code : 'CONFIG_INVALID';
  throw new ConfigError(capitalised(message), { code: known, hint });
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
