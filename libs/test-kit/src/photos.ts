import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

// from src as from dist
const PHOTOS = fileURLToPath(new URL('../photos/', import.meta.url));

/** Paths of the ten small photos that the repository carries, in order of names. */
export function kitPhotos(): string[] {
  return readdirSync(PHOTOS)
    .filter((name) => name.endsWith('.jpg'))
    .sort()
    .map((name) => join(PHOTOS, name));
}

/**
 * Makes a folder of photos that differ: the ten as they are, then mirrored, brighter and darker.
 * @param folder is made
 * @param count how many, 1…80
 */
export async function spreadPhotos(folder: string, count: number): Promise<void> {
  const photos = kitPhotos();
  if (count > 8 * photos.length) throw new RangeError(`at most ${8 * photos.length} photos, not ${count}`);
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const round = Math.floor(i / photos.length);
    const picture = sharp(photos[i % photos.length]);
    if (round % 2 === 1) picture.flop();
    if (round >= 2)
      picture.modulate({ brightness: 1 + 0.08 * (round % 2 === 0 ? round / 2 : -(round - 1) / 2) });
    await picture.jpeg({ quality: 85 }).toFile(join(folder, `photo-${String(i).padStart(3, '0')}.jpg`));
  }
}
