import { posix } from 'node:path';
import { InputError } from '@hazure/contracts';

const slashed = (path: string): string => path.replaceAll('\\', '/');

/** Where an image of the run is found by what a person calls it. */
export class ImageIndex {
  readonly ids: string[] = [];
  private readonly byId = new Map<string, number>();
  private readonly byBase = new Map<string, number[]>();

  /**
   * @param inputFolder what image ids are relative to
   * @param keyOf what of a path counts, such as all but its extension
   */
  constructor(
    private readonly inputFolder: string,
    private readonly keyOf: (path: string) => string = (path) => path,
  ) {}

  add(imageId: string): void {
    const at = this.ids.push(imageId) - 1;
    const key = this.keyOf(slashed(imageId));
    if (!this.byId.has(key)) this.byId.set(key, at);
    const base = posix.basename(key);
    const same = this.byBase.get(base);
    if (same) same.push(at);
    else this.byBase.set(base, [at]);
  }

  /** The image of exactly this id. */
  at(imageId: string): number | undefined {
    const at = this.byId.get(this.keyOf(slashed(imageId)));
    return at !== undefined && this.ids[at] === imageId ? at : undefined;
  }

  /**
   * Finds an image by its id, absolute path, a path relative to any folder above it, or its base name. Where no image's
   * path ends so, one whose id is how the given path ends is taken: its folder was moved since.
   * @returns place in `ids`, null where none is meant
   * @throws InputError INPUT_INVALID where more than one could be meant, naming them
   */
  find(path: string, what: string): number | null {
    const key = this.keyOf(posix.normalize(slashed(path)));
    const exact = this.byId.get(key);
    const namesakes = this.byBase.get(posix.basename(key)) ?? [];
    // two ids of one key differ in what the key leaves out
    const twins = exact === undefined ? [] : namesakes.filter((at) => this.key(at) === key);
    if (twins.length === 1) return twins[0];
    if (twins.length > 1) throw this.ambiguous(what, path, twins);
    const under = namesakes.filter((at) => endsWithPath(this.full(at), key));
    if (under.length === 1) return under[0];
    if (under.length > 1) throw this.ambiguous(what, path, under);
    const moved = namesakes.filter((at) => endsWithPath(key, this.key(at)));
    const longest = Math.max(...moved.map((at) => this.ids[at].length));
    const best = moved.filter((at) => this.ids[at].length === longest);
    if (best.length > 1) throw this.ambiguous(what, path, best);
    return best[0] ?? null;
  }

  private key(at: number): string {
    return this.keyOf(slashed(this.ids[at]));
  }

  private full(at: number): string {
    return this.keyOf(posix.normalize(slashed(`${this.inputFolder}/${this.ids[at]}`)));
  }

  private ambiguous(what: string, path: string, found: readonly number[]): InputError {
    const named = found.slice(0, 3).map((at) => `"${this.ids[at]}"`);
    const more = found.length > named.length ? ` and ${found.length - named.length} more` : '';
    return new InputError(
      'INPUT_INVALID',
      `${what}: "${path}" could be ${named.join(' or ')}${more} of the run`,
      { hint: 'Give enough of its path to tell them apart.' },
    );
  }
}

/** Whether a path is the other one, or its last parts. */
function endsWithPath(path: string, end: string): boolean {
  return path === end || path.endsWith(end.startsWith('/') ? end : `/${end}`);
}
