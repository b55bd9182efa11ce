import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textTowerOf } from './similarity.js';

let folder: string;
const put = (...names: string[]): void => names.forEach((name) => writeFileSync(join(folder, name), ''));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'towers-'));
  mkdirSync(join(folder, 'onnx'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a text tower is of the image tower’s precision, else the plain one; its tokenizer beside or above', () => {
  const tower = (name: string): string | undefined => textTowerOf(join(folder, 'onnx', name))?.model;
  put('onnx/vision_model_fp16.onnx', 'onnx/text_model_fp16.onnx');
  expect(tower('vision_model_fp16.onnx')).toBeUndefined(); // no tokenizer yet
  put('tokenizer.json');
  expect(tower('vision_model_fp16.onnx')).toBe(join(folder, 'onnx', 'text_model_fp16.onnx'));
  expect(tower('vision_model.onnx')).toBeUndefined();
  put('onnx/text_model.onnx');
  expect(tower('vision_model.onnx')).toBe(join(folder, 'onnx', 'text_model.onnx'));
  expect(tower('vision_model_quantized.onnx')).toBe(join(folder, 'onnx', 'text_model.onnx'));
  expect(textTowerOf(join(folder, 'onnx', 'vision_model_fp16.onnx'))?.folder).toBe(folder);
});
