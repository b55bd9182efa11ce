import { roomConfig } from '../../tools/jest/preset.mjs';

// A quantisation is dozens of sessions; a busy machine takes its time for them.
export default { ...roomConfig('quantise'), testTimeout: 180_000 };
