/**
 * A member's name as a safe relative path: no leading `/`, drive letter or `..`, no empty or `.` parts. hazure never
 * writes members to disk, but ids come into results, file names and reports.
 */
export function memberPath(name: string): string {
  const parts = name
    .replace(/\\/g, '/')
    .replace(/^[a-z]:(?=\/)/i, '')
    .split('/')
    .filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.join('/').replace(/\0/g, '');
}

/** What a walk passes over by rule: names that begin with a dot, and macOS's resource forks. */
export function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');
}
