import { nounForms, verbBases } from './morphology.js';

describe('nounForms', () => {
  test.each([
    ['cars', 'car'],
    ['fire trucks', 'fire truck'],
    ['glasses', 'glass'],
    ['boxes', 'box'],
    ['dishes', 'dish'],
    ['cherries', 'cherry'],
    ['tomatoes', 'tomato'],
    ['policemen', 'policeman'],
    ['people', 'person'],
    ['vases', 'vase'],
  ])('%s may be %s', (plural, singular) => {
    expect(nounForms(plural)).toContain(singular);
  });

  test.each(['glass', 'bus', 'as', ''])('%j itself comes first', (word) => {
    expect(nounForms(word)[0]).toBe(word);
  });
});

test.each([
  ['standing', 'stand'],
  ['sitting', 'sit'],
  ['riding', 'ride'],
  ['walks', 'walk'],
  ['carries', 'carry'],
  ['parked', 'park'],
])('%s may be a form of %s', (form, base) => {
  expect(verbBases(form)).toContain(base);
});
