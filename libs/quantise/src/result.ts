import { rename, rm, writeFile } from 'node:fs/promises';
import { InputError, messageOf } from '@hazure/contracts';
import { DECLARATION_KEY, type OnnxModel } from '@hazure/models';
import { withGraph } from './graph/graph.js';
import { QUANTISED_KEY, type QuantiseReport } from './report.js';
import type { QuantiseSource } from './subject.js';

/** The model with all that hazure needs to know of it in its metadata. */
export function withDeclaration(model: OnnxModel, { declaration }: QuantiseSource): OnnxModel {
  return { ...model, metadata: { ...model.metadata, [DECLARATION_KEY]: JSON.stringify(declaration) } };
}

/** The finished model: with its declaration and its report. */
export function withReport(model: OnnxModel, source: QuantiseSource, report: QuantiseReport): OnnxModel {
  const declared = withDeclaration(model, source);
  return {
    ...withGraph(declared, {}),
    producerName: 'hazure',
    metadata: { ...declared.metadata, [QUANTISED_KEY]: JSON.stringify(report) },
  };
}

/** Writes a file in one piece or not at all. @throws InputError `OUTPUT_UNWRITABLE` */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, bytes);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw new InputError('OUTPUT_UNWRITABLE', `Can't write ${path}: ${messageOf(cause)}`, {
      hint: 'Check that the folder exists and has room.',
      cause,
    });
  }
}
