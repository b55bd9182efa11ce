import type { CaptionRequest, DecodedImage } from '@hazure/contracts';

/** A plain image whose colour tells `number` (0…1023), as FakeVisionServer reads it. */
export function numberedImage(number: number, widthPx = 24, heightPx = 16): DecodedImage {
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let at = 0; at < data.length; at += 3) {
    data[at] = (number % 32) * 8;
    data[at + 1] = Math.floor(number / 32) * 8;
    data[at + 2] = 128;
  }
  return {
    ref: { index: number, id: `${number}.png`, path: `${number}.png`, bytes: 1 },
    widthPx,
    heightPx,
    data,
  };
}

export function numberedRequests(count: number): CaptionRequest[] {
  return Array.from({ length: count }, (_, number) => ({
    cropId: `${number}#0`,
    region: { image: numberedImage(number), box: null },
    className: 'car',
    confidence: 0.5,
  }));
}
