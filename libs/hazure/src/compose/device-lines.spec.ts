import { deviceLines } from './device-lines.js';

const CPU =
  'cpu (auto: TensorRT left out (no NVIDIA driver was found); CUDA left out (no NVIDIA driver was found))';

test('one line a device, short enough for a narrow terminal, with why', () => {
  const lines = deviceLines([
    { name: 'nanodet', device: CPU },
    { name: 'nanodet-features', device: CPU },
    { name: 'template', device: 'cpu (no model)' },
  ]);
  expect(lines).toEqual([
    'cpu (no NVIDIA driver was found): nanodet, nanodet-features',
    'cpu (no model): template',
  ]);
  expect(lines.every((line) => line.length <= 60)).toBe(true);
});

test('reasons that differ are all said, brackets in them included; one model in two roles is named once', () => {
  const device =
    'cpu (auto: TensorRT left out (no library (libnvinfer.so.10)); CUDA left out (driver too old))';
  expect(
    deviceLines([
      { name: 'clip', device },
      { name: 'clip', device },
      { name: 'yolo', device: 'cuda:0 (asked for)' },
    ]),
  ).toEqual([
    'cpu (no TensorRT: no library (libnvinfer.so.10); no CUDA: driver too old): clip',
    'cuda:0 (asked for): yolo',
  ]);
});
