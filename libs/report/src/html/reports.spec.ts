import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { BaselineReport, DetectionReport, OutlierCard } from '../model.js';
import { DEFAULT_CAPS } from '../model.js';
import { renderBaselineReport } from './baseline.js';
import { renderDetectionReport } from './detection.js';

const JPEG = new Uint8Array([0xff, 0xd8, 0xff, 0xd9]);

function outlier(index: number, text: (plain: string) => string = (plain) => plain): OutlierCard {
  return {
    cropId: text(`a/${index}#0`),
    imageId: text(`a/${index}.jpg`),
    className: text(index % 2 ? 'umbrella' : 'car'),
    confidence: 0.5,
    score: 0.6,
    pValue: 0.04 - index * 0.0001,
    featureOutlier: true,
    reason: text('Looks unlike the baseline.'),
    semantic: {
      outlier: index % 2 === 1,
      reason: 'no-common-match',
      caption: text('an umbrella on a road'),
      captionSource: text('template'),
      matches: [
        { label: text('umbrella'), role: 'common', similarity: 0.9, probability: 0.7, matched: true },
      ],
    },
    thumbnail: JPEG,
    scene: { jpeg: JPEG, box: { x: 0.1, y: 0.2, width: 0.3, height: 0.4 } },
    neighbours: [{ cropId: text('n#1'), className: text('car'), distance: 0.2, thumbnail: JPEG }],
  };
}

function commonParts(text: (plain: string) => string) {
  return {
    version: '0.1.0',
    finishedAt: '2026-01-02 03:04:05 UTC',
    runName: text('run'),
    imagesFolder: text('photos'),
    models: [
      {
        role: text('detector'),
        name: text('m'),
        sha256: 'ab'.repeat(32),
        licence: text('MIT'),
        device: text('cpu'),
      },
    ],
    settings: [{ name: text('seed'), value: text('42') }],
    failures: [
      { stage: 'decode', imageId: text('x.jpg'), code: 'INPUT_UNREADABLE', message: text('cut short') },
    ],
    timings: [{ stage: text('detect'), items: 10, unit: 'images', seconds: 2, peakMemoryBytes: 1e6 }],
    notes: [text('small baseline')],
  };
}

function mapOf(text: (plain: string) => string, n = 3) {
  const ids = Array.from({ length: n }, (_, i) => text(`a/${i}#0`));
  return {
    points: Float32Array.from({ length: 2 * n }, (_, k) => k),
    labels: ids.map(() => text('car')),
    cropIds: ids,
    baseline: ids.map((_, i) => i === 0),
    outliers: ids.map((_, i) => i === 1),
    thumbnails: new Map([[0, JPEG]]),
    method: text('t-SNE'),
  };
}

function detection(text: (plain: string) => string = (plain) => plain, outliers = 3): DetectionReport {
  return {
    ...commonParts(text),
    baselineName: text('baseline'),
    headline: { images: 10, objects: 50, outliers, failures: 1, seconds: 4 },
    outliers: Array.from({ length: outliers }, (_, i) => outlier(i, text)),
    map: mapOf(text),
    scores: {
      scorer: text('iforest'),
      heldOutBaseline: [0.1, 0.2, 0.3],
      newCrops: [0.2, 0.9],
      threshold: 0.4,
      percentile: 95,
    },
    classes: [{ className: text('car'), objects: 50, outliers: 3, meanScore: 0.3, baselineObjects: 0 }],
  };
}

function baseline(text: (plain: string) => string = (plain) => plain): BaselineReport {
  return {
    ...commonParts(text),
    headline: { images: 10, objects: 50, classes: 1, failures: 1, seconds: 4 },
    classes: [{ className: text('car'), objects: 50, meanConfidence: 0.8, samples: [JPEG] }],
    map: mapOf(text),
    calibration: {
      scorer: text('iforest'),
      heldOutScores: [0.1, 0.2],
      threshold: 0.2,
      percentile: 95,
      fittedRows: 40,
      calibrationRows: 10,
    },
    concepts: [
      { label: text('car'), origin: 'class', parent: null, role: 'common' },
      { label: text('cab'), origin: 'expansion', parent: text('car'), role: 'common' },
    ],
  };
}

/** The page without the bodies of its scripts and styles. */
function markupOf(html: string): string {
  return html
    .replace(/(<script\b[^>]*>)[\s\S]*?<\/script>/g, '$1')
    .replace(/(<style>)[\s\S]*?<\/style>/g, '$1');
}

/** Tag names in the order in which an HTML parser would meet them (script and style bodies skipped). */
function tagsOf(html: string): string[] {
  return [...markupOf(html).matchAll(/<([a-z][a-z0-9]*)\b/g)].map((match) => match[1]);
}

const NASTY = [
  '</script><script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '<!--',
  ']]>',
  'line\nbreak\r\n\ttab',
  '\u2028\u2029\u0000',
  '<%= it.version %>',
  '${1+1}',
  '&lt;b&gt;',
  'x'.repeat(10_000),
];

describe.each([
  ['detection', (text?: (plain: string) => string) => renderDetectionReport(detection(text))],
  ['baseline', (text?: (plain: string) => string) => renderBaselineReport(baseline(text))],
])('%s report', (_name, render) => {
  test('hostile strings never become markup', () => {
    const expected = tagsOf(render());
    for (const nasty of NASTY) expect(tagsOf(render(() => nasty))).toEqual(tagsOf(render(() => 'plain')));
    expect(expected.filter((tag) => tag === 'script')).toHaveLength(2);
  });

  test('any string at all leaves the structure as it is', () => {
    const expected = tagsOf(render(() => 'plain'));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...`<>"'&/=! -%$\\\`script`, 'é', '\n'), minLength: 1 }),
        (nasty) => {
          expect(tagsOf(render(() => nasty))).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('works offline: nothing is loaded from anywhere', () => {
    const html = render();
    expect(html).not.toMatch(/(?:src|href)="(?!data:|#)/);
    expect(html).not.toMatch(/url\(|@import|https?:\/\//);
  });

  test('its policy allows exactly its own script', () => {
    const html = render();
    const script = /<script>([\s\S]*?)<\/script>/.exec(html)![1];
    const hash = createHash('sha256').update(script).digest('base64');
    expect(html).toContain(`script-src 'sha256-${hash}'`);
  });

  test('the data for the script is JSON and holds the map', () => {
    const nasty = '</script><!--"\u2028\n&lt;';
    const json = /id="report-data">([\s\S]*?)<\/script>/.exec(render(() => nasty))![1];
    const { map } = JSON.parse(json) as { map: { labels: string[]; count: number } };
    expect(map.count).toBe(3);
    expect(map.labels).toEqual([nasty]);
  });

  test('is the same page every time', () => expect(render()).toBe(render()));
});

describe('detection report', () => {
  test('orders outliers by p-value', () => {
    const html = renderDetectionReport(detection());
    const order = [...html.matchAll(/data-crop="([^"]+)"/g)].map((match) => match[1]);
    expect(order).toEqual(['a/2#0', 'a/1#0', 'a/0#0']);
  });

  test('shows the facts of an outlier', () => {
    const html = renderDetectionReport(detection());
    for (const fact of [
      'an umbrella on a road',
      'a/1.jpg',
      'Looks unlike the baseline.',
      'never seen',
      'cut short',
      'abababababab',
    ]) {
      expect(html).toContain(fact);
    }
    expect(html.match(/data-side="both"/g)).toHaveLength(1);
    expect(html.match(/data-side="feature"/g)).toHaveLength(2);
  });

  test('caps what it embeds and says so', () => {
    const html = renderDetectionReport(detection(undefined, 30), {
      ...DEFAULT_CAPS,
      outliers: 5,
      mapPoints: 2,
    });
    expect(html.match(/<article/g)).toHaveLength(5);
    expect(html).toContain('This page shows 5 of 30 outliers');
    expect(html).toContain('The map shows 2 of 3 points');
  });

  test('an empty run is a page too', () => {
    const html = renderDetectionReport({
      ...detection(undefined, 0),
      headline: { images: 0, objects: 0, outliers: 0, failures: 0, seconds: 0 },
      map: null,
      scores: null,
      classes: [],
      failures: [],
      timings: [],
      notes: [],
    });
    expect(html).toContain('Nothing stood out');
    expect(markupOf(html)).not.toMatch(/NaN|Infinity|undefined/);
  });
});

test('a baseline without map, calibration and concepts is a page too', () => {
  const html = renderBaselineReport({
    ...baseline(),
    map: null,
    calibration: null,
    concepts: [],
    classes: [],
  });
  expect(html).toContain('No objects were found.');
  expect(markupOf(html)).not.toMatch(/NaN|undefined/);
});
