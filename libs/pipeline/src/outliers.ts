import type { CropRecord, ImageList, ImageRef, Verdict } from '@hazure/contracts';
import type { DetectRequest } from './records.js';
import { mapConcurrent } from './streams.js';

/** Copies and plots are made on other threads. */
const OUTLIERS_AT_ONCE = 8;

export interface SavedOutlier {
  readonly file: string | null;
  readonly plot: string | null;
}

/**
 * Puts each outlier's crop into `outliers/`, with its concept probabilities beside it. A crop that was saved is
 * copied; else its image is decoded once more (outliers are few).
 */
export async function saveOutliers(input: {
  readonly request: DetectRequest;
  readonly crops: readonly CropRecord[];
  readonly verdicts: readonly Verdict[];
  readonly outlierRows: readonly number[];
}): Promise<SavedOutlier[]> {
  const { request, crops, verdicts, outlierRows } = input;
  const { folder, options, presenter } = request;
  const unsaved = options.saveOutliers ? outlierRows.filter((row) => !crops[row].file) : [];
  const refs = await refsOf(request.refs, new Set(unsaved.map((row) => crops[row].imageIndex)));
  const saved: SavedOutlier[] = [];
  const work = mapConcurrent(outlierRows, OUTLIERS_AT_ONCE, async (row): Promise<SavedOutlier> => {
    const crop = crops[row];
    const name = outlierName(crop, row);
    let file: string | null = null;
    if (options.saveOutliers) {
      file = `outliers/${name}.jpg`;
      if (crop.file) await folder.copyWithin(crop.file, file);
      else
        await folder.writeBytes(
          file,
          await encodeAgain(request, crop, refs.get(crop.imageIndex) as ImageRef),
        );
    }
    let plot: string | null = null;
    const { semantic } = verdicts[row];
    if (options.saveProbabilityPlots && semantic && semantic.matches.length > 0) {
      plot = `outliers/${name}_probabilities.png`;
      const title = options.saveDescriptions ? semantic.caption.text : crop.className;
      await folder.writeBytes(plot, await presenter.probabilitiesPng(title, semantic.matches));
    }
    return { file, plot };
  });
  for await (const each of work) saved.push(each);
  return saved;
}

/** The images of these indices, in one pass over the list. */
async function refsOf(list: ImageList, indices: Set<number>): Promise<Map<number, ImageRef>> {
  const refs = new Map<number, ImageRef>();
  if (indices.size === 0) return refs;
  for await (const ref of list.from(0)) {
    if (indices.has(ref.index)) refs.set(ref.index, ref);
    if (refs.size === indices.size) break;
  }
  return refs;
}

function outlierName(crop: CropRecord, row: number): string {
  const base = crop.file?.replace(/^.*\//, '').replace(/\.jpg$/, '');
  return base ?? `${String(crop.imageIndex).padStart(6, '0')}_${String(row).padStart(6, '0')}`;
}

async function encodeAgain(request: DetectRequest, crop: CropRecord, ref: ImageRef): Promise<Uint8Array> {
  const image = await request.stages.decoder.decode(ref);
  const mask = request.streamOptions.maskBackground ? crop.mask : undefined;
  return request.stages.encoder.encode({ image, box: crop.box, ...(mask ? { mask } : {}) });
}
