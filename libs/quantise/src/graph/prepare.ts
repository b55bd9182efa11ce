import type { OnnxModel } from '@hazure/models';
import { dropUnused } from '@hazure/models';
import type { Engine } from '@hazure/native-engine';
import { foldConstants, foldIntoConvolutions, plainConstants } from './fold.js';
import { rewriteFocus } from './focus.js';
import { withGraph } from './graph.js';
import { raiseOpset } from './opset.js';
import { refuseUnfit, unfit } from './refuse.js';

/**
 * A model made ready for quantising, with the same results: opset 13 at least, constants and batch norms folded, Focus
 * rewritten, every node named, and, where `keep` names outputs, without the others and what only they need.
 *
 * @param path names the model in errors
 * @throws ModelError `MODEL_UNSUPPORTED` for a model that can't be quantised (see `refuseUnfit`)
 */
export async function prepareModel(
  model: OnnxModel,
  path: string,
  engine: Engine,
  keep?: readonly string[],
): Promise<OnnxModel> {
  refuseUnfit(model, path);
  const missing = keep?.find((name) => !model.graph.outputs.some((output) => output.name === name));
  if (missing !== undefined) {
    throw unfit(path, `it has no output ${missing}`, {
      hint: `Its outputs are ${model.graph.outputs.map(({ name }) => name).join(', ')}.`,
    });
  }
  const plain = withGraph(model, plainConstants(model.graph));
  const outputs = plain.graph.outputs.filter(({ name }) => keep?.includes(name) ?? true);
  const cut = withGraph(plain, dropUnused({ ...plain.graph, outputs }));
  const raised = raiseOpset(cut, path);
  const folded = await foldConstants(raised, engine);
  const graph = rewriteFocus(foldIntoConvolutions(folded.graph));
  const nodes = graph.nodes.map((node, i) => ({ ...node, name: node.name || `${node.opType}_${i}` }));
  return withGraph(folded, { ...graph, nodes });
}
