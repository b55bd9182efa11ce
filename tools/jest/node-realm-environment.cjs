/**
 * Jest runs each test file in a vm context with its own globals. Native code (onnxruntime-node, our addon)
 * checks and creates typed arrays of the outer realm, so `instanceof Float32Array` fails across the border.
 * This environment hands the outer realm's binary types to the test.
 *
 * It also gives each test file a temporary folder of its own and removes it at the end: whatever the tests, and the
 * processes that they start, make below `os.tmpdir()` leaves nothing behind, also when a test fails half-way.
 */
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
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
    // before super(): the process object of a test file copies the environment there
    const outer = process.env.TMPDIR;
    const temporary = mkdtempSync(join(tmpdir(), 'hazure-jest-'));
    process.env.TMPDIR = temporary;
    super(config, context);
    this.temporary = { outer, folder: temporary };
    for (const name of BINARY_TYPES) this.global[name] = globalThis[name];
  }

  async teardown() {
    await super.teardown();
    const { outer, folder } = this.temporary;
    if (outer === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = outer;
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
};
