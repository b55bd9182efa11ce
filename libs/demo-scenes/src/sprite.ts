import sharp from 'sharp';

/** A transformed picture with alpha, cut to what is visible. */
export interface Sprite {
  readonly widthPx: number;
  readonly heightPx: number;
  /** `heightPx × widthPx × 4`, straight alpha. */
  readonly rgba: Uint8Array;
}

export interface SpriteTransform {
  /** Width and height of the whole (square) picture before turning. */
  readonly sizePx: number;
  /** Clockwise. */
  readonly turnDegrees: number;
  readonly mirror: boolean;
  /** 1 leaves the light as it is. */
  readonly brightness: number;
}

/** Scales, mirrors, turns and lights a picture file, and cuts off its transparent margin. */
export async function loadSprite(path: string, transform: SpriteTransform): Promise<Sprite> {
  const { sizePx, turnDegrees, mirror, brightness } = transform;
  let picture = sharp(path).ensureAlpha().resize(sizePx, sizePx, { fit: 'fill' });
  if (mirror) picture = picture.flop();
  // Two passes: sharp applies a mirror and a turn of one pipeline in its own order.
  const upright = await picture.modulate({ brightness }).raw().toBuffer();
  const { data, info } = await sharp(upright, { raw: { width: sizePx, height: sizePx, channels: 4 } })
    .rotate(turnDegrees, { background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return trim({ widthPx: info.width, heightPx: info.height, rgba: data });
}

/** Alpha from which a pixel counts as visible. */
const VISIBLE = 24;

function trim(sprite: Sprite): Sprite {
  const { widthPx, heightPx, rgba } = sprite;
  let [left, right, top, bottom] = [widthPx, -1, heightPx, -1];
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      if (rgba[(y * widthPx + x) * 4 + 3] < VISIBLE) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
  }
  if (right < 0) return sprite;
  const width = right - left + 1;
  const height = bottom - top + 1;
  const cut = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * widthPx + left) * 4;
    cut.set(rgba.subarray(from, from + width * 4), y * width * 4);
  }
  return { widthPx: width, heightPx: height, rgba: cut };
}

/** An opaque picture being painted: `heightPx × widthPx × 3`. */
export interface Painting {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly rgb: Uint8ClampedArray;
}

/** Lays a sprite over the painting with its top left corner at (left, top). */
export function paintSprite(painting: Painting, sprite: Sprite, left: number, top: number): void {
  for (let y = 0; y < sprite.heightPx; y++) {
    const row = top + y;
    if (row < 0 || row >= painting.heightPx) continue;
    for (let x = 0; x < sprite.widthPx; x++) {
      const column = left + x;
      if (column < 0 || column >= painting.widthPx) continue;
      const s = (y * sprite.widthPx + x) * 4;
      const p = (row * painting.widthPx + column) * 3;
      const alpha = sprite.rgba[s + 3] / 255;
      for (let c = 0; c < 3; c++) painting.rgb[p + c] += alpha * (sprite.rgba[s + c] - painting.rgb[p + c]);
    }
  }
}

/** A soft elliptic shadow on the ground, darkest in its middle. */
export function paintShadow(
  painting: Painting,
  centreX: number,
  centreY: number,
  radiusX: number,
  radiusY: number,
  darkness: number,
): void {
  for (
    let y = Math.max(0, Math.floor(centreY - radiusY));
    y < Math.min(painting.heightPx, centreY + radiusY);
    y++
  ) {
    for (
      let x = Math.max(0, Math.floor(centreX - radiusX));
      x < Math.min(painting.widthPx, centreX + radiusX);
      x++
    ) {
      const distance = ((x - centreX) / radiusX) ** 2 + ((y - centreY) / radiusY) ** 2;
      if (distance >= 1) continue;
      const keep = 1 - darkness * (1 - distance) ** 1.5;
      const p = (y * painting.widthPx + x) * 3;
      for (let c = 0; c < 3; c++) painting.rgb[p + c] *= keep;
    }
  }
}
