import type { HeadSpec } from '@hazure/native-engine';

/** Every output that a head names. */
export function outputsOf(head: HeadSpec): string[] {
  const masks = 'masks' in head && head.masks ? [head.masks.prototypesOutput] : [];
  const named = ((): (string | undefined)[] => {
    switch (head.kind) {
      case 'yolov8':
      case 'yolov5':
      case 'yolox':
        return [head.output];
      case 'nanodet':
        return [...head.scoreOutputs, ...head.distanceOutputs];
      case 'detr':
        return [head.logitsOutput, head.boxesOutput];
      case 'boxes':
        return [head.boxesOutput, head.scoresOutput];
      case 'table':
        return [head.boxesOutput, head.scoresOutput, head.classesOutput, head.countOutput];
    }
  })();
  return [...named, ...masks].filter((name) => name !== undefined);
}
