import type {
  CropRecord,
  DecodedImage,
  ImageRef,
  PhaseOptions,
  RunFolder,
  RunPresenter,
  Shard,
  Verdict,
} from '@hazure/contracts';
import type { ObjectStages } from './chunk-worker.js';
import type { DetectRequest } from './records.js';
import { mapConcurrent } from './streams.js';

/** Links, copies and plots are made on other threads. */
const OUTLIERS_AT_ONCE = 16;

export interface SavedOutlier {
  readonly file: string | null;
  readonly plot: string | null;
}

/**
 * Puts outliers' crops into `outliers/`, the concept probabilities of the first ones beside them. A crop that was saved
 * is linked; else its image is decoded once more.
 */
export class OutlierSaver {
  private plots = 0;
  /** Outliers that words were found for, but no plot any more. */
  unplotted = 0;
  private readonly folder: RunFolder;
  private readonly options: PhaseOptions;
  private readonly presenter: RunPresenter;
  private readonly stages: ObjectStages;

  constructor(private readonly request: DetectRequest) {
    ({
      folder: this.folder,
      options: this.options,
      presenter: this.presenter,
      stages: this.stages,
    } = request);
  }

  /**
   * @param rows places of the outliers within the shard's crops
   * @param firstRow row of the shard's first crop in the run
   */
  async save(
    shard: Shard,
    verdicts: readonly Verdict[],
    rows: readonly number[],
    firstRow: number,
  ): Promise<SavedOutlier[]> {
    const { crops } = shard;
    const unsaved = this.options.saveOutliers ? rows.filter((row) => !crops[row].file) : [];
    const encoded = await this.encodeAgain(shard, unsaved);
    const saved: SavedOutlier[] = [];
    const work = mapConcurrent(rows, OUTLIERS_AT_ONCE, async (row): Promise<SavedOutlier> => {
      const name = outlierName(crops[row], firstRow + row);
      return {
        file: await this.saveCrop(crops[row], name, encoded.get(row)),
        plot: await this.savePlot(crops[row], verdicts[row], name),
      };
    });
    for await (const each of work) saved.push(each);
    return saved;
  }

  private async saveCrop(crop: CropRecord, name: string, again?: Uint8Array): Promise<string | null> {
    if (!this.options.saveOutliers) return null;
    const file = `outliers/${name}.jpg`;
    if (crop.file) await this.folder.copyWithin(crop.file, file);
    else if (again) await this.folder.writeBytes(file, again);
    else return null; // its image can't be read any more
    return file;
  }

  /** One label alone has probability 1, whatever it is: nothing to draw. */
  private async savePlot(crop: CropRecord, { semantic }: Verdict, name: string): Promise<string | null> {
    const { saveProbabilityPlots, saveDescriptions, probabilityPlots } = this.options;
    if (!saveProbabilityPlots || !semantic || semantic.matches.length < 2) return null;
    if (this.plots >= probabilityPlots) {
      this.unplotted++;
      return null;
    }
    this.plots++;
    const plot = `outliers/${name}_probabilities.png`;
    const title = saveDescriptions ? semantic.caption.text : crop.className;
    await this.folder.writeBytes(plot, await this.presenter.probabilitiesPng(title, semantic.matches));
    return plot;
  }

  /** JPEGs of crops that were not saved, each image decoded once. */
  private async encodeAgain(shard: Shard, rows: readonly number[]): Promise<Map<number, Uint8Array>> {
    const encoded = new Map<number, Uint8Array>();
    const byImage = new Map<number, number[]>();
    for (const row of rows) {
      const { imageIndex } = shard.crops[row];
      byImage.set(imageIndex, [...(byImage.get(imageIndex) ?? []), row]);
    }
    if (byImage.size === 0) return encoded;
    for await (const ref of this.refsOf(shard, new Set(byImage.keys()))) {
      const image = await this.decode(ref);
      if (!image) continue;
      for (const row of byImage.get(ref.index) ?? []) {
        const { box, mask: own } = shard.crops[row];
        const mask = this.request.streamOptions.maskBackground ? own : undefined;
        encoded.set(row, await this.stages.encoder.encode({ image, box, ...(mask ? { mask } : {}) }));
      }
    }
    return encoded;
  }

  private async decode(ref: ImageRef): Promise<DecodedImage | null> {
    try {
      return await this.stages.decoder.decode(ref);
    } catch (error) {
      this.request.logger.warn(`The crops of ${ref.id} can't be saved: ${(error as Error).message}`, {
        code: 'IMAGE_GONE',
      });
      return null;
    }
  }

  private async *refsOf(shard: Shard, wanted: ReadonlySet<number>): AsyncGenerator<ImageRef> {
    let position = shard.fromPosition;
    for await (const ref of this.request.refs.from(position)) {
      if (position++ >= shard.toPosition) return;
      if (wanted.has(ref.index)) yield ref;
    }
  }
}

function outlierName(crop: CropRecord, row: number): string {
  const base = crop.file?.replace(/^.*\//, '').replace(/\.jpg$/, '');
  return base ?? `${String(crop.imageIndex).padStart(6, '0')}_${String(row).padStart(6, '0')}`;
}
