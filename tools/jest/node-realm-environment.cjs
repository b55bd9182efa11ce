/**
 * Jest runs each test file in a vm context with its own globals. Native code (onnxruntime-node, our addon)
 * checks and creates typed arrays of the outer realm, so `instanceof Float32Array` fails across the border.
 * This environment hands the outer realm's binary types to the test.
 */
const { TestEnvironment } = require('jest-environment-node');

const BINARY_TYPES = [
  'ArrayBuffer',
  'SharedArrayBuffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float32Array',
  'Float64Array',
  'Error',
];

module.exports = class NodeRealmEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const name of BINARY_TYPES) this.global[name] = globalThis[name];
  }
};
