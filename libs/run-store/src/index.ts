export { encodeNpy, readNpy, type NpyArray, type NpyData } from './npy.js';
export { DirectoryRunStore, timestamp } from './run-store.js';
export { DirectoryRunFolder } from './run-folder.js';
export { readManifest, verifyArtifacts } from './manifest.js';
export { sha256Hex, writeAtomic } from './atomic.js';
export { RunReader } from './read/run-reader.js';
export { readJsonLines } from './read/lines.js';
export { readDocument } from './read/documents.js';
export { readLabelValues, readNumberMatrix, toFloat32, type NumberMatrix } from './npy-values.js';
