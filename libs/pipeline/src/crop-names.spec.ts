import fc from 'fast-check';
import { cropFileName } from './crop-names.js';

const named = (id: string, className = 'car'): string =>
  cropFileName({ index: 12, id, path: `/in/${id}`, bytes: 1 }, 0, className);

test('a crop is named after its image and class', () => {
  expect(named('a/street view.jpg')).toBe('000012_street-view_0_car.jpg');
  expect(named('-rf.jpg', '../../etc')).toBe('000012_rf_0_etc.jpg');
  expect(named('हिन्दी.jpg')).toBe('000012_हिन्दी_0_car.jpg');
});

test('whatever the image and the class are called, the name is whole text that file systems take', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constant('𠮷'.repeat(60)),
    fc.constant(`${'x'.repeat(47)}𠮷`),
  );
  fc.assert(
    fc.property(text, text, (image, className) => {
      const name = named(`${image}.jpg`, className);
      expect(Buffer.from(name).toString()).toBe(name);
      expect(name).not.toMatch(/[/\0\n]/);
      // its plot, under a temporary name, is the longest that is made of it
      expect(Buffer.byteLength(name.replace('.jpg', '_probabilities.png.1234567890'))).toBeLessThanOrEqual(
        255,
      );
    }),
  );
});
