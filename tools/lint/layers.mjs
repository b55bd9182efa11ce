/**
 * Which layers a layer may import, lowest first. ESLint's module boundaries, the test of the import graph and the
 * table in docs/architecture.md all come from here.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const LAYERS = {
  contract: [],
  kernel: ['contract'],
  algorithm: ['algorithm', 'kernel', 'contract'],
  native: [],
  device: ['device', 'contract', 'native'],
  adapter: ['adapter', 'algorithm', 'device', 'kernel', 'contract'],
  pipeline: ['contract', 'kernel', 'algorithm'],
  product: ['product', 'pipeline', 'adapter', 'algorithm', 'device', 'kernel', 'contract'],
  app: ['product', 'pipeline', 'adapter', 'algorithm', 'device', 'kernel', 'contract', 'native'],
  // for tests and benches, which no boundary binds
  test: ['adapter', 'kernel', 'contract'],
  // upkeep of the repository: looks at every room, nobody looks at it
  house: ['test', 'algorithm', 'kernel', 'contract'],
};
