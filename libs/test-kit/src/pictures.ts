import sharp from 'sharp';

/** A picture of coloured patches; the same number gives the same picture. */
export async function paintPicture(
  path: string,
  number: number,
  widthPx = 320,
  heightPx = 240,
): Promise<void> {
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0, at = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const patch = Math.floor((x * 5) / widthPx) + 5 * Math.floor((y * 5) / heightPx);
      for (let channel = 0; channel < 3; channel++) {
        const level = (patch * (37 + 11 * channel) + number * (53 + 7 * channel)) % 256;
        data[at++] = Math.round(level * 0.8 + 20 * Math.sin((x + y * channel) / 9) + 25);
      }
    }
  }
  await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .png()
    .toFile(path);
}
