import { roomConfig } from '../jest/preset.mjs';

export default { ...roomConfig('house'), moduleFileExtensions: ['ts', 'mjs', 'js', 'json'] };
