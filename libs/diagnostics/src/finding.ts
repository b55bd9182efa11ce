/** One thing that the doctor looked at. */
export interface Finding {
  readonly section: 'Software' | 'Machine' | 'GPU' | 'Cache' | 'Settings';
  readonly what: string;
  /** `note`: hazure works, but something could be better. `absent`: not there, and nothing is wrong with that. */
  readonly state: 'ok' | 'note' | 'problem' | 'absent';
  readonly detail: string;
  /** What to do about it, in one line; null where there is nothing to do. */
  readonly fix: string | null;
}

const MARK = { ok: '✓', note: '!', problem: '✗', absent: '·' } as const;
const SECTIONS = ['Software', 'Machine', 'GPU', 'Cache', 'Settings'] as const;

/** The findings under their sections, in columns, with the fixes below what they mend. */
export function renderFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  return SECTIONS.flatMap((section) => {
    const own = findings.filter((finding) => finding.section === section);
    if (own.length === 0) return [];
    const lines = own.flatMap(({ what, state, detail, fix }) => [
      `  ${MARK[state]} ${what.padEnd(width)}  ${detail}`,
      ...(fix === null ? [] : [`    ${' '.repeat(width)}  → ${fix}`]),
    ]);
    return [section, ...lines, ''];
  }).join('\n');
}

/** `5.4 GiB`, `312 MiB`, `17 KiB`. */
export function size(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  if (bytes >= 2 ** 20) return `${Math.round(bytes / 2 ** 20)} MiB`;
  return `${Math.ceil(bytes / 1024)} KiB`;
}
