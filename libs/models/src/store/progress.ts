/** How far a pull is. */
export interface PullProgress {
  readonly bundle: string;
  readonly phase: 'download' | 'convert';
  /** The file or package that is being fetched. */
  readonly item: string;
  readonly doneBytes: number;
  /** null while unknown. */
  readonly totalBytes: number | null;
}

/** Called often; the receiver decides how much of it to show. */
export type OnPullProgress = (progress: PullProgress) => void;
