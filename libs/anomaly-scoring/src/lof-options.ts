export interface LofOptions {
  /** Bytes that whitened reference rows may take; beyond them a seeded sample of rows stands for all. */
  readonly memoryBytes?: number;
}
