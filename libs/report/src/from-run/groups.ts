import { z } from 'zod';
import { InputError } from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';
import type { GroupsView } from '../model.js';
import type { ShownCalibration } from './calibration.js';

/** What the report shows of how groups were found. */
const groupingSchema = z.looseObject({
  images: z.number(),
  groups: z.number(),
  groupedImages: z.number(),
  largestGroup: z.number(),
  given: z.boolean(),
  duplicates: z.looseObject({ byEmbedding: z.number(), byThumbnail: z.number() }),
  sequence: z.looseObject({ blocks: z.number(), blockLength: z.number() }).nullable(),
});

/** Groups of a baseline and what they do to its calibration. @throws InputError ARTIFACT_… */
export async function groupsView(run: RunReader, calibration: ShownCalibration): Promise<GroupsView> {
  const { grouping } = await run.reference();
  const parsed = groupingSchema.safeParse(grouping);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    throw new InputError(
      'ARTIFACT_INVALID',
      `${run.path('reference')} is damaged: grouping.${first.path.join('.')}: ${first.message}`,
      { cause: parsed.error, hint: 'Learn the baseline again, or restore the folder.' },
    );
  }
  const { images, groups, groupedImages, largestGroup } = parsed.data;
  const { dependence, heldOutRows } = calibration;
  const percent = dependence?.falseAlarmsIgnoringGroups ?? null;
  return {
    images,
    groups,
    groupedImages,
    largestGroup,
    heldOutRows,
    effectiveRows: dependence?.effectiveRows ?? null,
    falseAlarmsIgnoringGroups: percent === null ? null : percent / 100,
    how: howFound(parsed.data),
  };
}

function howFound({ given, duplicates, sequence }: z.infer<typeof groupingSchema>): string {
  if (given) return 'groups as declared';
  const parts = [
    `${duplicates.byEmbedding} links by embedding and ${duplicates.byThumbnail} by thumbnail`,
    ...(sequence ? [`${sequence.blocks} blocks of ${sequence.blockLength} neighbours in order`] : []),
  ];
  return parts.join(', ');
}
