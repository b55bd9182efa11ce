import { CLASS_COLOURS, OTHER_COLOUR, rgbOf, styleClasses, UNSEEN_COLOUR } from './palette.js';

test('the most frequent label comes first; ties go by name', () => {
  const { styles, styleOf } = styleClasses(['b', 'a', 'c', 'c', 'b', 'c', 'a']);
  expect(styles.map((style) => [style.label, style.count])).toEqual([
    ['c', 3],
    ['a', 2],
    ['b', 2],
  ]);
  expect([...styleOf]).toEqual([2, 1, 0, 0, 2, 0, 1]);
  expect(new Set(styles.map((style) => style.colour)).size).toBe(3);
});

test('labels beyond the palette share one entry', () => {
  const labels = Array.from({ length: 40 }, (_, i) => `class ${String(i % 20).padStart(2, '0')}`);
  const { styles, styleOf } = styleClasses(labels);
  expect(styles).toHaveLength(CLASS_COLOURS.length + 1);
  expect(styles.at(-1)).toEqual({ label: '5 other classes', colour: OTHER_COLOUR, count: 10 });
  expect([...styleOf].filter((style) => style === CLASS_COLOURS.length)).toHaveLength(10);
});

test('no labels, no styles', () => {
  expect(styleClasses([]).styles).toEqual([]);
});

describe('colours by the classes of a baseline', () => {
  const known = Array.from({ length: 17 }, (_, i) => `class ${i}`);
  const colourOf = (labels: readonly string[], label: string): string => {
    const { styles, styleOf } = styleClasses(labels, known);
    return styles[styleOf[labels.indexOf(label)]].colour;
  };

  test('a class keeps its colour whichever others are there, and however often', () => {
    const plots = [
      known,
      [...known].reverse(),
      ['class 3', 'class 0', 'stranger', 'class 3'],
      ['class 3'],
      ['class 16', ...Array<string>(50).fill('class 3')],
    ];
    for (const labels of plots) expect(colourOf(labels, 'class 3')).toBe(CLASS_COLOURS[3]);
  });

  test('the legend names what occurs, in the order of the baseline; the rest in two entries', () => {
    const labels = ['zebra', 'class 16', 'class 2', 'yak', 'class 0', 'class 15', 'class 2', 'zebra'];
    const { styles, styleOf } = styleClasses(labels, known);
    expect(styles).toEqual([
      { label: 'class 0', colour: CLASS_COLOURS[0], count: 1 },
      { label: 'class 2', colour: CLASS_COLOURS[2], count: 2 },
      { label: '2 other classes', colour: OTHER_COLOUR, count: 2 },
      { label: '2 new classes', colour: UNSEEN_COLOUR, count: 3 },
    ]);
    expect([...styleOf]).toEqual([3, 2, 1, 3, 0, 2, 1, 3]);
  });
});

describe('colour vision', () => {
  /** Linear RGB as dichromats see it: Machado, Oliveira & Fernandes 2009, severity 1. */
  const visions = {
    normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
    tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
  };
  const times = (m: readonly number[], v: readonly number[]): number[] =>
    [0, 3, 6].map((row) => m[row] * v[0] + m[row + 1] * v[1] + m[row + 2] * v[2]);
  const clamp = (value: number): number => Math.min(1, Math.max(0, value));
  /** Ottosson, A perceptual color space for image processing, 2020. */
  const oklab = (hex: string, vision: readonly number[]): number[] => {
    const linear = rgbOf(hex).map((value) => {
      const c = value / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    const cones = times(
      [
        0.41222147, 0.53633254, 0.05144599, 0.2119035, 0.68069955, 0.10739696, 0.08830246, 0.28171884,
        0.6299787,
      ],
      times(vision, linear).map(clamp),
    ).map(Math.cbrt);
    return times(
      [
        0.21045426, 0.79361779, -0.00407205, 1.9779985, -2.4285922, 0.45059371, 0.025904, 0.78277177,
        -0.80867577,
      ],
      cones,
    );
  };

  // 0.02 is about what can be told apart side by side; dots lie apart.
  test.each(Object.entries(visions))('all class colours differ: %s', (_name, vision) => {
    const seen = CLASS_COLOURS.map((colour) => oklab(colour, vision));
    const apart = seen.flatMap((a, i) =>
      seen.slice(0, i).map((b) => Math.hypot(...a.map((x, k) => x - b[k]))),
    );
    expect(Math.min(...apart)).toBeGreaterThan(0.05);
  });
});
