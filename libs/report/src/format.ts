/** Numbers and texts as people read them; shared by plots and pages. Never depends on the host's locale. */

/** 1234567 → `1,234,567`. */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Three significant digits without an exponent where that stays short: `0.0123`, `12.3`, `1,235`, `1.2e-7`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : value > 0 ? '∞' : '−∞';
  const magnitude = Math.abs(value);
  if (magnitude === 0) return '0';
  if (magnitude < 1e-4) return value.toExponential(1);
  if (magnitude >= 1000) return `${value < 0 ? '-' : ''}${formatCount(magnitude)}`;
  return String(Number(value.toPrecision(3)));
}

/** 0.1234 → `12.3%`. */
export function formatPercent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)}%` : '–';
}

/** 0.42 → `0.4 s`, 75 → `1 min 15 s`, 4000 → `1 h 6 min`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 0.95) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.5) return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${formatCount(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** 1536 → `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : Number(value.toPrecision(3))} ${units[unit]}`;
}

/** `3 images`, `1 image`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}

/** `3 images`, `1 image`, `1 class`: a count with a unit that is named in the plural. */
export function countedUnit(count: number, units: string): string {
  return `${formatCount(count)} ${count === 1 ? units.replace(/(?<=ss)es$|s$/, '') : units}`;
}

/** Cuts at `limit` characters (whole code points) and says how much is missing. */
export function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept = [...text.slice(0, limit + 1)].slice(0, limit).join('');
  return `${kept}… (${formatCount(text.length - kept.length)} more characters)`;
}
