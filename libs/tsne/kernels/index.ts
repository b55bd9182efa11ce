export { clearHeaps, scan, sortHeaps, squaredNorms } from './search';
export { gramTimesFour, projectOnFour } from './components';
export { conditionalAffinities } from './affinities';
export { attract, repelExactly, step, stretchedLength } from './forces';
export { columns, forwardRows, interpolate, inverseRows, spread } from './grid';
export { kernelColumns, kernelRows } from './kernel-spectrum';
export { sampleWindow } from './window';
export { buildTree, curveKeys, repelByTree, sortKeys } from './quadtree';
export { place } from './place';
