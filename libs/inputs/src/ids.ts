import type { Found } from './types.js';

/** Folder that a set of paths has in common, as its parts; null while nothing has been seen. */
export class CommonFolder {
  private parts: string[] | null = null;

  /** @param folder with `/` between its parts */
  add(folder: string): void {
    const parts = folder.split('/').filter((part) => part !== '');
    if (this.parts === null) {
      this.parts = parts;
      return;
    }
    let same = 0;
    while (same < this.parts.length && same < parts.length && this.parts[same] === parts[same]) same++;
    if (same < this.parts.length) this.parts = this.parts.slice(0, same);
  }

  get path(): string {
    return (this.parts ?? []).join('/');
  }
}

export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** What ids of each group are made relative to. */
export class Roots {
  private readonly common = new Map<Found['group'], CommonFolder>();
  private readonly labels = new CommonFolder();
  private labelled = false;

  constructor(private readonly given: string | null = null) {}

  /** A folder whose images are named from it on, whatever they have in common. */
  addFolder(group: Found['group'], folder: string): void {
    let common = this.common.get(group);
    if (!common) this.common.set(group, (common = new CommonFolder()));
    common.add(folder);
  }

  addLabel(label: string): void {
    this.labels.add(folderOf(label));
  }

  /** Puts the archive's, bucket's or host's name before each id: two of them hold images of one name. */
  useLabels(): void {
    this.labelled = true;
  }

  get usesLabels(): boolean {
    return this.labelled;
  }

  folder(group: Found['group']): string {
    return this.common.get(group)?.path ?? '';
  }

  /**
   * The id of an image: its place below what all inputs of its group have in common. So it is the same whichever form
   * the input took, and in whatever pieces it is worked on.
   */
  id({ group, path, label }: Pick<Found, 'group' | 'path' | 'label'>): string {
    const clean = path.replace(/^\/+/, '');
    const given =
      this.given !== null && (this.given === '' || clean.startsWith(`${this.given}/`)) ? this.given : null;
    const root = given ?? this.folder(group);
    // what failed was not counted for the common folder, and may lie outside it
    const relative = root !== '' && clean.startsWith(`${root}/`) ? clean.slice(root.length + 1) : clean;
    if (!this.labelled || label === '') return relative;
    const common = this.labels.path;
    const short = label.replace(/^\/+/, '');
    return `${common === '' ? short : short.slice(common.length + 1)}/${relative}`;
  }
}
