export * from './onnx/model.js';
export * from './onnx/summary.js';
export { encodeOnnx } from './onnx/write.js';
export * from './tfjs/graph.js';
export * from './tfjs/convert.js';
