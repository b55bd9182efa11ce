import type { Conclusion } from './conclusion.js';
import { contradicted } from './conclusion.js';
import type { ImageInput } from './image-input.js';
import type { ExportMetadata } from './metadata.js';

/** What an open side becomes where nothing says more: the size that nearly every detector is exported at. */
export const DEFAULT_SIDE_PX = 640;

interface SizeSources {
  readonly path: string;
  readonly declared:
    { readonly widthPx?: number | undefined; readonly heightPx?: number | undefined } | undefined;
  readonly input: ImageInput;
  readonly exported: ExportMetadata;
  readonly hub: { readonly widthPx: number; readonly heightPx: number } | null;
}

/**
 * Height and width of the input, side by side: declared, fixed by the graph, `imgsz`, the hub's configuration, 640.
 *
 * @throws ModelError `MODEL_CONTRADICTED` for a declared side that the graph fixes otherwise
 */
export function resolveSize(sources: SizeSources): { px: [number, number]; conclusion: Conclusion } {
  const { path, declared, input, exported, hub } = sources;
  const sides = [
    {
      side: 'heightPx',
      declared: declared?.heightPx,
      fixed: input.heightPx,
      said: exported.inputPx?.[0],
      configured: hub?.heightPx,
    },
    {
      side: 'widthPx',
      declared: declared?.widthPx,
      fixed: input.widthPx,
      said: exported.inputPx?.[1],
      configured: hub?.widthPx,
    },
  ].map(({ side, ...from }) => {
    if (from.declared !== undefined && from.fixed !== null && from.declared !== from.fixed)
      throw contradicted(path, `preprocess.${side} ${from.declared}`, `an input of ${from.fixed} px there`);
    return from;
  });
  const pick = (side: (typeof sides)[number]): number =>
    side.declared ?? side.fixed ?? side.said ?? side.configured ?? DEFAULT_SIDE_PX;
  const px: [number, number] = [pick(sides[0]!), pick(sides[1]!)];
  return { px, conclusion: { part: 'input size', value: `${px[1]}×${px[0]}`, ...evidence(sides) } };
}

function evidence(
  sides: readonly {
    declared?: number | undefined;
    fixed: number | null;
    said?: number | undefined;
    configured?: number | undefined;
  }[],
): Pick<Conclusion, 'from' | 'because'> {
  const any = (has: (side: (typeof sides)[number]) => boolean): boolean => sides.some(has);
  if (
    any(
      (s) =>
        s.declared === undefined && s.fixed === null && s.said === undefined && s.configured === undefined,
    )
  ) {
    return {
      from: 'default',
      because: `the graph leaves a side open and nothing says more; ${DEFAULT_SIDE_PX} is usual (declare preprocess.widthPx and preprocess.heightPx for another)`,
    };
  }
  if (any((s) => s.declared !== undefined)) return { from: 'declaration', because: 'declared' };
  if (!any((s) => s.fixed === null)) return { from: 'shapes', because: 'the graph fixes it' };
  return any((s) => s.fixed === null && s.said !== undefined)
    ? { from: 'metadata', because: 'imgsz, because the graph leaves sides open' }
    : { from: 'metadata', because: 'preprocessor_config.json, because the graph leaves sides open' };
}
