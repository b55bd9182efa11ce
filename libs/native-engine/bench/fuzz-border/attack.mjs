import { writeSync } from 'node:fs';
import { types } from 'node:util';
import { detached } from './hostile.mjs';
import { plain } from './targets.mjs';

/** Errors that a call may end with. INTERNAL is none: it says that the addon met what it had not thought of. */
const CODES = new Set([
  'INPUT_INVALID', 'MODEL_MISSING', 'MODEL_INVALID', 'MODEL_UNSUPPORTED', 'DEVICE_UNAVAILABLE', 'DEVICE_FAILED',
  'DEVICE_OUT_OF_MEMORY', 'ADDON_UNAVAILABLE',
]); // prettier-ignore
const SYNCHRONOUS = new Set(['openRuntime', 'info', 'providers', 'memory']);

/** Makes calls that were tampered with, and judges what comes of them. */
export class Attack {
  constructor({ random, hostile, targets, counts, trace }) {
    Object.assign(this, { random, hostile, targets, counts, trace });
  }

  /** Some calls that run side by side. */
  async round(calls) {
    this.hostile.buffers = [];
    this.hostile.arrays = [];
    const reopened = this.random.chance(0.02) ? this.random.pick(Object.keys(this.targets.open)) : null;
    if (reopened) await this.targets.reopen(reopened);
    const spoiled = this.random.chance(0.02);
    if (spoiled) this.watchThen();
    const settled = [];
    for (let i = 0; i < calls; i++) settled.push(this.one());
    if (spoiled) delete Object.prototype.then;
    if (this.random.chance(0.05)) this.hostile.collect();
    await Promise.all(settled);
    for (const name of Object.keys(this.targets.open)) {
      if (this.closed?.has(this.targets.open[name])) await this.targets.reopen(name);
    }
    this.closed = null;
  }

  /** Every object that a promise resolves to is asked for `then`: JavaScript that runs while results are made. */
  watchThen() {
    Object.defineProperty(Object.prototype, 'then', {
      configurable: true,
      get: () => {
        this.hostile.spoil(this.random.pick(this.hostile.buffers));
        return undefined;
      },
    });
  }

  one() {
    const { random, hostile } = this;
    const from = hostile.buffers.length;
    const call = this.targets.call();
    const [first] = call.args;
    note(call.args, hostile.arrays);
    const tampered = random.chance(0.7);
    if (tampered) for (let n = 1 + random.below(3); n > 0; n--) this.tamper(call.args);
    this.counts.calls += 1;
    if (this.trace) writeSync(2, `${this.counts.calls} ${call.name}${tampered ? ' (tampered)' : ''}\n`);
    let result;
    try {
      result = this.targets.binding[call.name](...call.args);
    } catch (error) {
      this.counts.threw += 1;
      if (!SYNCHRONOUS.has(call.name))
        throw new Error(`${call.name} threw instead of rejecting`, { cause: error });
      this.judge(call, error, tampered);
      return undefined;
    }
    if (SYNCHRONOUS.has(call.name)) return undefined;
    if (!(result instanceof Promise)) throw new Error(`${call.name} gave no promise`);
    // Only what this call was given: the others of the round still have to be made.
    if (random.chance(0.5)) {
      for (const buffer of hostile.buffers.slice(from)) if (random.chance(0.7)) hostile.spoil(buffer);
    }
    if (call.name === 'close') (this.closed ??= new Set()).add(first);
    return result.then(
      (value) => this.resolved(call, value, tampered),
      (error) => {
        this.counts.rejected += 1;
        this.judge(call, error, tampered);
      },
    );
  }

  resolved(call, value, tampered) {
    this.counts.resolved += 1;
    if (call.loads && value?.handle) {
      // Most are left to the garbage collector.
      if (this.random.chance(0.3)) this.hostile.handles.push(value.handle);
      else if (this.random.chance(0.5)) void this.targets.binding.close(value.handle);
      if (this.hostile.handles.length > 14) void this.targets.binding.close(this.hostile.handles.shift());
    }
    if (tampered || call.answer === undefined) return;
    this.counts.checked += 1;
    const came = plain(value);
    if (came !== call.answer) {
      throw new Error(
        `${call.name}: a wrong answer\nexpected ${call.answer.slice(0, 2000)}\ngot ${came.slice(0, 2000)}`,
      );
    }
  }

  judge(call, error, tampered) {
    if (this.hostile.thrown.has(error)) return;
    const { code } = error;
    this.counts.codes[code] = (this.counts.codes[code] ?? 0) + 1;
    const closed = code === 'INPUT_INVALID' && error.message.includes('closed');
    if (code === undefined && error instanceof TypeError && tampered) return; // of a revoked proxy
    if (!CODES.has(code) || (!tampered && call.answer !== undefined && !closed)) {
      throw new Error(`${call.name}: an error that should not be`, { cause: error });
    }
    if (closed) (this.closed ??= new Set()).add(call.args[0]);
  }

  /** Changes one thing somewhere in the arguments. */
  tamper(args) {
    const { random, hostile } = this;
    const places = [];
    collect(args, places, 0);
    if (places.length === 0) return;
    const [parent, key] = random.pick(places);
    const value = Object.getOwnPropertyDescriptor(parent, key)?.value;
    const acts = [
      () => Reflect.set(parent, key, hostile.value()),
      () => parent !== args && hostile.watched(parent),
      () => parent !== args && hostile.watched(parent),
      () => typeof value === 'object' && value !== null && Reflect.set(parent, key, hostile.proxy(value)),
      () => Reflect.deleteProperty(parent, key),
      () => typeof value === 'number' && Reflect.set(parent, key, number(random, value)),
      () => ArrayBuffer.isView(value) && Reflect.set(parent, key, this.otherArray(value)),
      () => Array.isArray(value) && value.push(hostile.value()),
      () => Array.isArray(value) && (value.length = random.below(value.length + 1)),
      () =>
        parent !== args &&
        Reflect.set(parent, random.pick(['extra', '__proto__', 'constructor', '0']), hostile.value()),
    ];
    try {
      random.pick(acts)();
    } catch (error) {
      // Its own traps, which answer whoever touches them.
      if (!hostile.thrown.has(error) && !(error instanceof TypeError) && !(error instanceof RangeError))
        throw error;
    }
  }

  otherArray(value) {
    const { random, hostile } = this;
    if (random.chance(0.3)) return detached(value.byteLength);
    if (random.chance(0.3)) return hostile.typed(value.length);
    return new value.constructor(Math.max(0, value.length + random.pick([-1, 1, 7])));
  }
}

function number(random, value) {
  return random.pick([-value, value + 0.5, value * 2, 0, 2 ** 31, 2 ** 32, 2 ** 53, 65_500, 1e-320, NaN, -1]);
}

/** Places of everything in the arguments that is not memory. */
function collect(object, places, depth) {
  for (const key of Object.keys(object)) {
    places.push([object, key]);
    const value = Object.getOwnPropertyDescriptor(object, key)?.value;
    if (depth < 5 && isPlain(value)) collect(value, places, depth + 1);
  }
}

function note(value, arrays) {
  if (!isPlain(value)) return;
  if (Array.isArray(value)) arrays.push(value);
  for (const { value: each } of Object.values(Object.getOwnPropertyDescriptors(value))) note(each, arrays);
}

function isPlain(value) {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || types.isProxy(value))
    return false;
  return Array.isArray(value) ? value.length < 10_000 : Object.getPrototypeOf(value) === Object.prototype;
}
