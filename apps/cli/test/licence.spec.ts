import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paintPicture } from '@hazure/test-kit';
import { hazure, realData, realTest } from './hazure.js';

/** Who picks a model under the AGPL hears of it, however it was picked. */
test('a YOLO by name: the error says how to export one, and its licence', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hazure-licence-'));
  await paintPicture(join(folder, 'a.png'), 1);
  const args = ['learn', folder, '--detector', 'yolov8l', '--output-dir', join(folder, 'out')];
  const { code, stderr } = await hazure(args);
  expect(code).toBe(1);
  expect(stderr).toMatch(/what to do: .*yolo export.*AGPL-3\.0/);
  const listed = await hazure(['models', 'list']);
  expect(listed.stdout).toMatch(/bring your own[\s\S]*licence AGPL-3\.0/);
  rmSync(folder, { recursive: true });
});

realTest(
  'a YOLO by path: a warning when it is loaded',
  async () => {
    const out = mkdtempSync(join(tmpdir(), 'hazure-licence-'));
    const photos = realData?.photos ?? '';
    const { stderr } = await hazure(
      ['learn', photos, '--train-indices', '0-1', '--output-dir', out].concat([
        '--detector',
        join(photos, '../../../models/yolov8n.onnx'),
        ...(realData?.models.slice(2) ?? []),
      ]),
    );
    expect(stderr).toMatch(/warning: yolov8n\.onnx is licensed AGPL-3\.0.*share your source code/);
    rmSync(out, { recursive: true });
  },
  60_000,
);
