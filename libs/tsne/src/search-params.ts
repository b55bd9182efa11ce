/** Rows whose neighbours are wanted; their lists come in the order the rows end up in. */
export interface QueryParams {
  readonly rows: number;
  readonly data: number;
  readonly norms: number;
  /** As in CellParams, for these rows. */
  readonly starts: number;
  readonly order: number;
}

export interface SearchParams {
  readonly rows: number;
  /** Floats per row, a multiple of 4. */
  readonly stride: number;
  /** Neighbours kept per row while searching; the best of them are re-measured exactly. */
  readonly k: number;
  readonly data: number;
  readonly norms: number;
  readonly distances: number;
  readonly indices: number;
  readonly cosine: boolean;
  readonly seed: number;
  /** null: the rows themselves, each without itself. */
  readonly queries: QueryParams | null;
  /** null: every row meets every other. */
  readonly cells: CellParams | null;
}

export interface CellParams {
  readonly count: number;
  readonly recall: number;
  readonly sample: number;
  readonly sampleRows: number;
  readonly sampleNorms: number;
  readonly centroids: number;
  readonly centroidNorms: number;
  /** First row of each cell, and the end; count + 1. */
  readonly starts: number;
  /** order[position] = original row; rows move so that a cell's rows lie together. */
  readonly order: number;
  /** One per calibration row × (k + 1), for exact neighbours. */
  readonly truthDistances: number;
  readonly truthIndices: number;
  readonly truthRows: number;
  readonly truthNorms: number;
  /** One per calibration row × count: cells by nearness. */
  readonly truthCells: number;
  readonly truthCellDistances: number;
  /** Scratch of `probe.ts` for each thread. */
  readonly probeBytes: number;
  readonly probe: number;
}

export interface SearchResult {
  readonly method: 'exact' | 'approximate';
  /** Estimated share of true neighbours found. */
  readonly recall: number;
  /** Share of all pairs that were compared. */
  readonly compared: number;
}
