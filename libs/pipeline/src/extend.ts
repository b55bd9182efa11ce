import {
  FOR_PEOPLE,
  type CropRecord,
  type EmbeddingMatrix,
  type FailureRecord,
  type ImageRecord,
  type ObjectResult,
  type RunFolder,
} from '@hazure/contracts';
import type { RowPart, RowSource } from './reference.js';

/** Images of a finished run that are read at once. */
const PART_IMAGES = 256;

/** Rows of a finished run, read from its folder as streams. */
export interface FinishedRows {
  /** Name of the run folder. */
  readonly name: string;
  images(): AsyncIterable<ImageRecord>;
  /** In the order of the images; row i of the embeddings belongs to crop i. */
  crops(): AsyncIterable<CropRecord>;
  failures(): AsyncIterable<FailureRecord>;
  /** @param ascending distinct rows */
  take(ascending: Int32Array): Promise<EmbeddingMatrix>;
  /** Absolute path of a picture of the run, if it is there. */
  picture(file: string): Promise<string | null>;
}

/** What adding rows changed of them. */
export interface Joined {
  /** Images whose id the rows before them have already. */
  renamedImages: number;
  /** Pictures of crops that are gone. */
  missingPictures: number;
}

/** A finished run's rows as they were learned. */
export async function* readFinished(run: FinishedRows): AsyncGenerator<RowPart> {
  const crops = run.crops()[Symbol.asyncIterator]();
  const failures: FailureRecord[] = [];
  for await (const failure of run.failures()) failures.push(failure);
  let row = 0;
  let images: ImageRecord[] = [];
  const part = async (): Promise<RowPart> => {
    const count = images.reduce((sum, { objects }) => sum + objects, 0);
    const own: CropRecord[] = [];
    while (own.length < count) {
      const next = await crops.next();
      if (next.done === true) break;
      own.push(next.value);
    }
    const embeddings = await run.take(Int32Array.from({ length: own.length }, (_, i) => row + i));
    row += own.length;
    const made = { images, crops: own, failures: failures.splice(0), embeddings };
    images = [];
    return made;
  };
  for await (const image of run.images()) {
    images.push(image);
    if (images.length >= PART_IMAGES) yield await part();
  }
  if (images.length > 0 || failures.length > 0) yield await part();
  // reads to the end, so that a list of another length than its manifest says is noticed
  await crops.next();
}

/**
 * The objects of a detection that a person said are normal after all, with their images. An image stands there with
 * its accepted objects alone.
 * @param objects all of the run, in order
 * @param accepts whether an object was accepted
 * @param rows of the detection's own embeddings
 */
export async function* readAccepted(
  run: Omit<FinishedRows, 'crops' | 'failures'> & { objects(): AsyncIterable<ObjectResult> },
  accepts: (object: ObjectResult) => boolean,
): AsyncGenerator<RowPart> {
  const objects = run.objects()[Symbol.asyncIterator]();
  let row = 0;
  let [images, crops, rows]: [ImageRecord[], CropRecord[], number[]] = [[], [], []];
  const part = async (): Promise<RowPart> => {
    const made = { images, crops, failures: [], embeddings: await run.take(Int32Array.from(rows)) };
    [images, crops, rows] = [[], [], []];
    return made;
  };
  for await (const { verdict: _, ...image } of run.images()) {
    const before = crops.length;
    for (let n = 0; n < image.objects; n++, row++) {
      const next = await objects.next();
      if (next.done === true) break;
      if (!accepts(next.value)) continue;
      crops.push(cropOf(next.value));
      rows.push(row);
    }
    if (crops.length > before) images.push({ ...image, objects: crops.length - before });
    if (images.length >= PART_IMAGES) yield await part();
  }
  if (images.length > 0) yield await part();
  await objects.next();
}

function cropOf(object: ObjectResult): CropRecord {
  const { verdict: _, nearestNormals: __, outlierFile, probabilityPlot: ___, map: ____, ...crop } = object;
  return { ...crop, file: crop.file ?? outlierFile };
}

/** Where rows come from, and whose pictures theirs are; null = the new run's own, which stay where they are. */
interface Origin {
  readonly read: () => AsyncIterable<RowPart>;
  readonly pictures: Pick<FinishedRows, 'name' | 'picture'> | null;
}

/**
 * Rows of several origins one after another, as if they had been learned at once: images are numbered on, an id that
 * is taken already gets the number of its origin before it, and pictures are brought into the new folder.
 */
export class JoinedRows implements RowSource {
  readonly changed: Joined = { renamedImages: 0, missingPictures: 0 };
  private readonly pictures = new Map<string, string | null>();
  private passes = 0;

  /** @param folder of the new baseline */
  constructor(
    private readonly folder: Pick<RunFolder, 'adopt'>,
    private readonly origins: readonly Origin[],
  ) {}

  async *read(): AsyncGenerator<RowPart> {
    this.passes++;
    const ids = new Set<string>();
    let offset = 0;
    for (const [number, { read, pictures }] of this.origins.entries()) {
      let next = offset;
      for await (const part of read()) {
        const renamed = new Map<number, string>();
        const images = part.images.map((image) => {
          const imageIndex = image.imageIndex + offset;
          next = Math.max(next, imageIndex + 1);
          const imageId = this.freeId(image.imageId, number, ids);
          if (imageId !== image.imageId) renamed.set(image.imageIndex, imageId);
          return { ...image, imageIndex, imageId };
        });
        const crops: CropRecord[] = [];
        for (const crop of part.crops) {
          const imageId = renamed.get(crop.imageIndex) ?? crop.imageId;
          crops.push({
            ...crop,
            imageId,
            cropId: imageId + crop.cropId.slice(crop.imageId.length),
            imageIndex: crop.imageIndex + offset,
            file: crop.file !== null && pictures ? await this.bring(crop.file, pictures) : crop.file,
          });
        }
        yield { ...part, images, crops };
      }
      offset = next;
    }
  }

  private freeId(id: string, origin: number, taken: Set<string>): string {
    let free = id;
    for (let n = origin; taken.has(free); n++) free = `added${n}/${id}`;
    taken.add(free);
    if (free !== id && this.passes === 1) this.changed.renamedImages++;
    return free;
  }

  /** Names of two runs may be the same, so a picture gets its run's before its own. */
  private async bring(
    file: string,
    { name, picture }: Pick<FinishedRows, 'name' | 'picture'>,
  ): Promise<string | null> {
    const key = `${name}/${file}`;
    const known = this.pictures.get(key);
    if (known !== undefined) return known;
    const own = file.slice(file.lastIndexOf('/') + 1);
    const stamp = name.replace(/^[a-z]+_/, '');
    const target = `${FOR_PEOPLE.crops}/${/^\d{8}_\d{6}/.test(own) ? own : `${stamp}-${own}`}`;
    const source = await picture(file);
    if (source === null) this.changed.missingPictures++;
    else await this.folder.adopt(source, target);
    const brought = source === null ? null : target;
    this.pictures.set(key, brought);
    return brought;
  }
}
