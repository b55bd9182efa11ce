import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allForms, tryForm } from '../bench/model-forms.mjs';

/** The short form of bench/model-forms.mjs: every head and every embedder once, the variants in turn. */
describe('exports of strangers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hazure-forms-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const seen = new Map<string, number>();
  const forms = allForms().filter(({ head }) => {
    const turn = seen.get(head) ?? 0;
    seen.set(head, turn + 1);
    // The last variants of a detector differ most from the plain one.
    return turn === (seen.size % 2 === 0 ? 0 : 1);
  });

  test('cover every kind', () => {
    expect(seen.size).toBeGreaterThanOrEqual(25);
    expect(new Set(forms.map(({ head }) => head)).size).toBe(seen.size);
  });

  test.each(forms.map((form) => [form.head, form] as const))('%s', async (head, form) => {
    const { outcome, detail } = await tryForm(form, folder);
    // torchvision's export says neither in what its boxes are nor where its classes begin.
    expect([outcome, detail]).toEqual([head === 'torchvision' ? 'equal once declared' : 'equal', detail]);
  });
});
