import { ConfigError, messageOf, type ImageRecord } from '@hazure/contracts';

/**
 * A label per image, as `groupBy` says: `folder` is the image's folder; anything else is a regular expression whose
 * captures (or whole match) name the scene. An image that it does not match is a scene of its own.
 * @throws ConfigError for a pattern that is no regular expression, or that matches no image
 */
export function givenGroups(images: readonly Pick<ImageRecord, 'imageId'>[], groupBy: string): string[] {
  if (groupBy === 'folder') {
    return images.map(({ imageId }) => imageId.slice(0, Math.max(0, imageId.lastIndexOf('/'))));
  }
  let pattern: RegExp;
  try {
    pattern = new RegExp(groupBy, 'u');
  } catch (cause) {
    throw new ConfigError(`option groupBy is no regular expression: ${messageOf(cause)}`, {
      cause,
      hint: 'Write e.g. ^(scene[0-9]+)_ so that the capture names the scene, or folder.',
    });
  }
  let matched = 0;
  const labels = images.map(({ imageId }) => {
    const match = pattern.exec(imageId);
    if (!match) return `\0${imageId}`;
    matched++;
    return JSON.stringify(match.length > 1 ? match.slice(1) : match);
  });
  if (matched === 0) {
    throw new ConfigError(`option groupBy: ${groupBy} matches none of the ${images.length} images`, {
      hint: `It is compared with image ids such as ${images[0]?.imageId ?? 'folder/name.jpg'}.`,
    });
  }
  return labels;
}
