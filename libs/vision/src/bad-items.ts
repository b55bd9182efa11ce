import type { PixelBox } from '@hazure/contracts';

export const NON_NUMBER_HINT =
  'Run the model in fp32 (--precision fp32), and check that its preprocessing is the one it was trained with; a model that answers so for every image is broken.';

/** `a.jpg [10, 20, 30, 40]` */
export function placeOf(imageId: string, box: PixelBox | null): string {
  if (!box) return imageId;
  const corners = [box.x1, box.y1, box.x2, box.y2].map((value) => Math.round(value));
  return `${imageId} [${corners.join(', ')}]`;
}
