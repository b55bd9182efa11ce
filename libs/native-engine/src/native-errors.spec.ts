import { HazureError, OutOfDeviceMemoryError } from '@hazure/contracts';
import type { InputError } from '@hazure/contracts';
import { fromNative } from './native-errors.js';

const native = (code: string, hint = ''): Error => Object.assign(new Error('reason'), { code, hint });

describe('fromNative', () => {
  test.each([
    ['INPUT_INVALID', 'InputError'],
    ['MODEL_MISSING', 'ModelError'],
    ['MODEL_UNSUPPORTED', 'ModelError'],
    ['DEVICE_UNAVAILABLE', 'DeviceError'],
    ['ADDON_UNAVAILABLE', 'DeviceError'],
    ['DEVICE_OUT_OF_MEMORY', 'OutOfDeviceMemoryError'],
    ['INTERRUPTED', 'InterruptedError'],
    ['INTERNAL', 'HazureError'],
  ])('makes %s a %s', (code, name) => {
    const cause = native(code, 'do this');
    const error = fromNative(cause) as HazureError;
    expect(error).toBeInstanceOf(HazureError);
    expect(error).toMatchObject({ name, code, message: 'reason', hint: 'do this', cause });
  });

  test('leaves out an empty hint', () => {
    expect((fromNative(native('INPUT_INVALID')) as InputError).hint).toBeUndefined();
  });

  test('passes through what is not its own', () => {
    const ours = new OutOfDeviceMemoryError('full');
    for (const error of [new TypeError('x'), native('ENOENT'), 'text', null, ours])
      expect(fromNative(error)).toBe(error);
  });
});
