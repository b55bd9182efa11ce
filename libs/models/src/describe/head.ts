import { ModelError } from '@hazure/contracts';
import type { HeadSpec } from '@hazure/native-engine';
import type { OnnxValue } from '../onnx/model.js';
import type { Conclusion } from './conclusion.js';
import { unclear } from './conclusion.js';
import type { DeclaredHead } from './declaration.js';
import { checkHead } from './heads/check.js';
import type { HeadFacts, Preparation } from './heads/facts.js';
import { numberAt, prototypesOf, shown } from './heads/facts.js';
import { chooseHead, headReadings } from './heads/index.js';
import { refuseOtherTasks } from './tasks.js';

interface ResolvedHead {
  readonly head: HeadSpec;
  readonly preparation: Preparation;
  readonly conclusion: Conclusion;
}

/**
 * The head of a detector: the declared one, held against the file, or the one that the file's outputs speak for.
 *
 * @throws ModelError as `describeDetector`
 */
export function resolveHead(
  declared: DeclaredHead | undefined,
  facts: HeadFacts,
  path: string,
): ResolvedHead {
  if (declared) return declaredHead(declared, facts, path);
  refuseOtherTasks(facts.task, path);
  if (facts.task === 'segment' && !prototypesOf(facts)) throw noPrototypes(facts, path);
  const reading = chooseHead(facts, path);
  if (!reading) throw noHead(facts, path);
  const { head, preparation, family, from, because } = reading;
  return {
    head,
    preparation,
    conclusion: { part: 'head', value: headText(family, head), from, because },
  };
}

function headText(family: string, { classes }: HeadSpec): string {
  if (classes === 0) return family;
  return `${family}, ${classes} ${classes === 1 ? 'class' : 'classes'}`;
}

function declaredHead(declared: DeclaredHead, facts: HeadFacts, path: string): ResolvedHead {
  const head = { ...declared, classes: classesOf(declared, facts, path) } as HeadSpec;
  checkHead(head, facts.summary, facts.inputPx, path);
  const like = headReadings({ ...facts, classCount: head.classes || null }).find(
    (reading) => reading.head.kind === head.kind && reading.preparation !== 'unknown',
  );
  return {
    head,
    preparation: like?.preparation ?? USUAL[head.kind],
    conclusion: { part: 'head', value: headText(head.kind, head), from: 'declaration', because: 'declared' },
  };
}

/** How images are prepared for a head that only a declaration names. */
const USUAL: Readonly<Record<HeadSpec['kind'], Preparation>> = {
  yolov8: 'ultralytics',
  yolov5: 'ultralytics',
  yolox: 'yolox',
  nanodet: 'nanodet',
  detr: 'hub',
  boxes: 'ultralytics',
  table: 'ultralytics',
};

/** Declared, as many as there are names, or what the output's width leaves. 0: a table, whose names will tell. */
function classesOf(declared: DeclaredHead, facts: HeadFacts, path: string): number {
  if (declared.classes !== undefined) return declared.classes;
  if (facts.classCount !== null) return facts.classCount;
  const found = widthOf(declared, facts.summary.outputs);
  if (declared.kind === 'table') return 0;
  if (found !== null && found > 0) return found;
  throw unclear(
    path,
    'nothing says how many classes it has',
    'detector.head.classes or detector.classNames',
    {
      detector: { head: { ...declared, classes: 80 } },
    },
  );
}

function widthOf(declared: DeclaredHead, outputs: readonly OnnxValue[]): number | null {
  const flat = outputs.filter((output) => output.dims.length === 3);
  const of = (name: string | undefined): OnnxValue | undefined =>
    name === undefined
      ? flat.length === 1
        ? flat[0]
        : undefined
      : outputs.find((value) => value.name === name);
  const minus = (dim: number | null | undefined, others: number): number | null =>
    typeof dim === 'number' ? dim - others : null;
  const at = (name: string | undefined, axis: number): number | null => {
    const value = of(name);
    return value ? numberAt(value, axis) : null;
  };
  const extra = 'masks' in declared && declared.masks ? declared.masks.coefficients : 0;
  switch (declared.kind) {
    case 'yolov8':
      return minus(at(declared.output, 1), 4 + extra);
    case 'yolov5':
      return minus(at(declared.output, 2), 5 + extra);
    case 'yolox':
      return minus(at(declared.output, 2), 5);
    case 'nanodet':
      return declared.scoreOutputs[0] === declared.distanceOutputs[0]
        ? minus(at(declared.scoreOutputs[0], 2), 4 * (declared.regMax + 1))
        : at(declared.scoreOutputs[0], 2);
    case 'detr':
      return at(declared.logitsOutput, 2);
    case 'boxes':
      return declared.boxesOutput === declared.scoresOutput
        ? minus(at(declared.scoresOutput, 2), 4 + (declared.firstClass ?? 0))
        : minus(at(declared.scoresOutput, declared.scoresByClass ? 1 : 2), declared.firstClass ?? 0);
    case 'table':
      return null;
  }
}

function noHead({ summary, inputPx }: HeadFacts, path: string): ModelError {
  const shapes = summary.outputs.map(shown).join('; ');
  const raw = summary.outputs.every((output) => output.dims.length >= 4);
  const reason = `its outputs fit no known head: ${shapes} (for an input of ${inputPx[1]}×${inputPx[0]})`;
  if (raw || summary.opTypes.has('NonMaxSuppression')) {
    return new ModelError('MODEL_UNSUPPORTED', `${path} can't be used as it is: ${reason}`, {
      hint: raw
        ? 'These are raw feature maps: export the model with its decoder (YOLOv5: without --train; YOLOv7: --grid), or declare detector.head.'
        : 'Suppression in the graph leaves no table that hazure knows: export without it (Ultralytics: nms=False), or declare detector.head.',
    });
  }
  return unclear(path, reason, 'detector.head', { detector: { head: { kind: 'yolov8', classes: 2 } } });
}

function noPrototypes({ summary }: HeadFacts, path: string): ModelError {
  return new ModelError(
    'MODEL_UNSUPPORTED',
    `${path} does the task segment, but has no output of prototypes [N, coefficients, height, width]: ${summary.outputs.map(shown).join('; ')}`,
    { hint: 'Export the segmentation model with both of its outputs, or a detection model (without -seg).' },
  );
}
