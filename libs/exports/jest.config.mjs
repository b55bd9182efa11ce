import { roomConfig } from '../../tools/jest/preset.mjs';

export default roomConfig('exports');
