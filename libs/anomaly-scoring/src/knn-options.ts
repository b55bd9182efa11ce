export interface KnnOptions {
  /** Neighbours whose distances are averaged, 1…1020. Default 1. */
  readonly k?: number;
}
