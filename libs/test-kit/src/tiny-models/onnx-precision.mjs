/**
 * The precisions in which transformers.js folders come, made of a float32 graph of onnx-graph.mjs: `fp16` has float16
 * weights and arithmetic between float32 inputs and outputs; `quantized` has 8-bit weights, and activations quantised
 * when it runs, in all products with weights.
 */
const FLOAT = 1;
const FLOAT16 = 10;
const HALF_MAX = 65504;
const LEVELS = 255;

/** Bits of the nearest 16-bit float; values beyond its range become its largest. */
function halfBits(value) {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.min(Math.abs(value), HALF_MAX);
  if (size < 2 ** -14) return sign | Math.round(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  // a fraction that rounds up to 1024 carries into the exponent, as it should
  return sign | (((exponent + 15) << 10) + Math.round((size / 2 ** exponent - 1) * 1024));
}

const node = (opType, inputs, outputs, attributes = {}) => ({
  name: outputs[0],
  opType,
  inputs,
  outputs,
  attributes,
});
const castTo = (type) => ({ to: { kind: 'int', value: type } });

function toHalf(graph) {
  const inputs = graph.inputs.filter(({ type }) => type === 'float32').map(({ name }) => name);
  const renamed = (name) => (inputs.includes(name) ? `${name}_fp16` : name);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return {
    ...graph,
    initializers: new Map(
      [...graph.initializers].map(([name, tensor]) => [
        name,
        tensor.type === 'float32'
          ? { ...tensor, type: 'float16', data: Uint16Array.from(tensor.data, halfBits) }
          : tensor,
      ]),
    ),
    nodes: [
      ...inputs.map((name) => node('Cast', [name], [renamed(name)], castTo(FLOAT16))),
      ...graph.nodes.map((each) => {
        const changed = { ...each, inputs: each.inputs.map(renamed) };
        if (outputs.has(each.outputs[0])) return { ...changed, opType: 'Cast', attributes: castTo(FLOAT) };
        return each.opType === 'Cast' && each.attributes.to.value === FLOAT
          ? { ...changed, attributes: castTo(FLOAT16) }
          : changed;
      }),
    ],
  };
}

function quantise(graph) {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.flatMap((each) => {
    const weight = each.opType === 'MatMul' ? graph.initializers.get(each.inputs[1]) : undefined;
    if (weight === undefined) return [each];
    const [x, name] = each.inputs;
    const [out] = each.outputs;
    const greatest = weight.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    const scale = (2 * greatest) / LEVELS;
    initializers.delete(name);
    const scalar = (type, data) => ({ type, dims: [], data });
    initializers.set(`${name}_quantized`, {
      type: 'uint8',
      dims: weight.dims,
      data: Uint8Array.from(weight.data, (value) => Math.round(value / scale) + 128),
    });
    initializers.set(`${name}_scale`, scalar('float32', Float32Array.of(scale)));
    initializers.set(`${name}_zero`, scalar('uint8', Uint8Array.of(128)));
    const part = (suffix) => `${out}_${suffix}`;
    return [
      node('DynamicQuantizeLinear', [x], [part('x'), part('x_scale'), part('x_zero')]),
      node('MatMulInteger', [part('x'), `${name}_quantized`, part('x_zero'), `${name}_zero`], [part('sum')]),
      node('Cast', [part('sum')], [part('float')], castTo(FLOAT)),
      node('Mul', [part('x_scale'), `${name}_scale`], [part('scale')]),
      node('Mul', [part('float'), part('scale')], [out]),
    ];
  });
  return { ...graph, initializers, nodes };
}

/** File name ending and graph of each precision; `graph` is `{ name, nodes, initializers, inputs, outputs }`. */
export const PRECISIONS = {
  fp32: { suffix: '', convert: (graph) => graph },
  fp16: { suffix: '_fp16', convert: toHalf },
  quantized: { suffix: '_quantized', convert: quantise },
};
