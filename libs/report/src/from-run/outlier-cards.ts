import { join } from 'node:path';
import sharp from 'sharp';
import { innerPath, type ObjectResult } from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';
import type { OutlierCard, SceneView } from '../model.js';
import { thumbnail } from './common.js';

const SCENE_PX = 420;

/** One outlier with its evidence, its scene and its nearest normal crops. */
export async function outlierCard(
  object: ObjectResult,
  run: RunReader,
  baseline: RunReader | null,
  inputFolder: string,
): Promise<OutlierCard> {
  const { verdict } = object;
  return {
    cropId: object.cropId,
    imageId: object.imageId,
    className: object.className,
    confidence: object.confidence,
    score: verdict.feature.score,
    pValue: verdict.feature.pValue,
    featureOutlier: verdict.feature.outlier,
    reason: verdict.reason,
    semantic: verdict.semantic && {
      outlier: verdict.semantic.outlier,
      reason: verdict.semantic.reason,
      caption: verdict.semantic.caption.text,
      captionSource: verdict.semantic.caption.source,
      matches: verdict.semantic.matches,
    },
    thumbnail: await thumbnail({ run, file: object.outlierFile ?? object.file }),
    scene: await scene(object, inputFolder),
    neighbours: await Promise.all(
      object.nearestNormals.map(async ({ cropId, className, distance, file }) => ({
        cropId,
        className,
        distance,
        thumbnail: await thumbnail({ run: baseline, file }),
      })),
    ),
  };
}

/** The whole image, small, with the object's place in it; null when the image has moved. */
async function scene(object: ObjectResult, inputFolder: string): Promise<SceneView | null> {
  const { box, imageWidthPx, imageHeightPx } = object;
  if (!innerPath.safeParse(object.imageId).success) return null;
  try {
    const jpeg = await sharp(join(inputFolder, object.imageId))
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .resize({ width: SCENE_PX, height: SCENE_PX, fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 72 })
      .toBuffer();
    return {
      jpeg,
      box: {
        x: box.x1 / imageWidthPx,
        y: box.y1 / imageHeightPx,
        width: (box.x2 - box.x1) / imageWidthPx,
        height: (box.y2 - box.y1) / imageHeightPx,
      },
    };
  } catch {
    return null;
  }
}
