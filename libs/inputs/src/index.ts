export { describeLeftOut } from './left-out.js';
export { openInputs } from './open-inputs.js';
export { compareCodePoints } from './order.js';
export { DEFAULT_LIMITS, type InputLimits, type InputOptions, type Inputs, type LeftOut } from './types.js';
