import {
  InterruptedError,
  type CaptionOutcome,
  type Captioner,
  type CaptionRequest,
  type DecodedImage,
  type ModelInfo,
} from '@hazure/contracts';
import { clipRegion, mainColours, type WholeBox } from './pixels.js';

const MAX_NAME_CHARACTERS = 200;

/** A class name as one line; otherwise it is data and stays as it is. */
function nameOf(className: string): string {
  const line = className.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line === '' ? 'object' : Array.from(line).slice(0, MAX_NAME_CHARACTERS).join('');
}

function article(next: string): string {
  return /^[aeiou]/i.test(next) ? 'An' : 'A';
}

/** Of the picture's area: below 1% tiny, 5% small, 20% nothing said, 60% large. */
function sizeOf(share: number): string {
  if (share < 0.01) return 'tiny';
  if (share < 0.05) return 'small';
  return share < 0.2 ? '' : 'large';
}

function placeOf(image: DecodedImage, box: WholeBox, share: number): string {
  if (share >= 0.6) return 'filling the picture';
  const column = Math.min(2, Math.floor((1.5 * (box.x1 + box.x2)) / image.widthPx));
  const row = Math.min(2, Math.floor((1.5 * (box.y1 + box.y2)) / image.heightPx));
  if (row === 1 && column === 1) return 'in the middle of the picture';
  const side = ['left', 'centre', 'right'][column];
  if (row === 1) return `on the ${side} of the picture`;
  return `in the ${['upper', '', 'lower'][row]} ${side} of the picture`;
}

/**
 * Captions without a model: class, colours, size in the picture and place, e.g. “A small black and white zebra in the
 * lower left of the picture.” Deterministic; some ten microseconds a crop, as it reads at most 24×24 pixels. The words
 * know no more than the detector: they say what was detected and how it looks, not what the detector missed.
 */
export class TemplateCaptioner implements Captioner {
  readonly info: ModelInfo = {
    name: 'template',
    sha256: null,
    licence: null,
    device: 'cpu (reads pixels, no model)',
  };

  /** One outcome per request, in order; a box outside its image ends as INPUT_INVALID. Rejects only when aborted. */
  caption(requests: readonly CaptionRequest[], signal?: AbortSignal): Promise<CaptionOutcome[]> {
    if (signal?.aborted === true) return Promise.reject(new InterruptedError('Captioning was interrupted'));
    return Promise.resolve(requests.map((request) => this.captionOne(request)));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private captionOne({ cropId, region, className }: CaptionRequest): CaptionOutcome {
    const { image } = region;
    const box = clipRegion(region);
    if (box === null) {
      return {
        ok: false,
        code: 'INPUT_INVALID',
        message: `Crop ${cropId}: a box inside ${image.widthPx}×${image.heightPx} pixels expected, got ${JSON.stringify(region.box)}`,
      };
    }
    const share = ((box.x2 - box.x1) * (box.y2 - box.y1)) / (image.widthPx * image.heightPx);
    const colours = mainColours(image, box).join(' and ');
    const described = [sizeOf(share), colours, nameOf(className)].filter((part) => part !== '').join(' ');
    const text = `${article(described)} ${described} ${placeOf(image, box, share)}.`;
    return { ok: true, caption: { text, source: 'template' } };
  }
}
