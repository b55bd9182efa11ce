/**
 * One small detector in the forms that exporters give. It looks at cells of a picture: every third cell of strides 8, 16
 * and 32 is scored by its mean colours, and its box lies inside it, so that nothing overlaps and suppression changes
 * nothing. Every form says the same boxes; only how it says them differs.
 */
import { Graph } from './graph.mjs';

export const STRIDES = [8, 16, 32];

const cellsOf = (widthPx, heightPx) =>
  STRIDES.flatMap((stride) => {
    const [columns, rows] = [Math.ceil(widthPx / stride), Math.ceil(heightPx / stride)];
    return Array.from({ length: columns * rows }, (_, i) => ({
      stride,
      x: i % columns,
      y: Math.floor(i / columns),
    }));
  });

/**
 * Pixels to scores `[N, A, C]` and constants of the boxes.
 *
 * @param options widthPx, heightPx, classes; `input`: type and layout; `quantise`: null, 'qdq' or 'dynamic'
 */
export function backbone(options) {
  const {
    widthPx,
    heightPx,
    classes,
    type = 'float32',
    nhwc = false,
    dynamic = false,
    quantise = null,
  } = options;
  const g = new Graph();
  const [h, w] = dynamic ? ['height', 'width'] : [heightPx, widthPx];
  const batch = dynamic ? 'batch' : 1;
  g.inputs.push({
    name: options.inputName ?? 'images',
    type,
    dims: nhwc ? [batch, h, w, 3] : [batch, 3, h, w],
  });
  let x = g.inputs[0].name;
  if (type !== 'float32') x = g.op('Cast', [x], { to: 1 });
  if (type === 'uint8') x = g.op('Div', [x, g.scalar(255)]);
  if (nhwc) x = g.op('Transpose', [x], { perm: [0, 3, 1, 2] });
  if (options.byteRange) x = g.op('Div', [x, g.scalar(255)]);
  if (quantise === 'qdq') {
    const scale = g.scalar(1 / 255);
    x = g.op('DequantizeLinear', [g.op('QuantizeLinear', [x, scale]), scale]);
  }
  if (quantise === 'dynamic') {
    const [y, scale, zero] = g.op('DynamicQuantizeLinear', [x], {}, 3);
    x = g.op('DequantizeLinear', [y, scale, zero]);
  }
  const weights = [];
  for (let i = 0; i < 3 * classes; i++) weights.push(Math.sin(7 * i + 1) * 9);
  const kernel = g.floats([classes, 3, 1, 1], weights);
  const bias = g.floats(
    [classes],
    Array.from({ length: classes }, (_, i) => -2 - 0.3 * Math.cos(i)),
  );
  const cells = cellsOf(widthPx, heightPx);
  const levels = STRIDES.map((stride) => {
    const mean = g.op('AveragePool', [x], { kernel_shape: [stride, stride], strides: [stride, stride] });
    const logits = g.op('Conv', [mean, kernel, bias]);
    return g.op('Reshape', [logits, g.ints(0, classes, -1)]);
  });
  const joined = g.op('Transpose', [g.op('Concat', levels, { axis: 2 })], { perm: [0, 2, 1] });
  // Cells that would lie on those of another stride are switched off.
  const off = cells.map(({ stride, x: cx, y: cy }) =>
    (stride === 8 && (cx + cy) % 3 === 0 && cx >= 8) ||
    (stride === 16 && cx < 2 && cy >= 2) ||
    (stride === 32 && cx < 1 && cy < 1)
      ? 0
      : -50,
  );
  const logits = g.op('Add', [joined, g.floats([1, cells.length, 1], off)]);
  const boxes = cells.map(({ stride, x: cx, y: cy }, i) => {
    const side = stride * (0.7 + 0.2 * Math.sin(i));
    return [(cx + 0.5) * stride, (cy + 0.5) * stride, side, side * 0.9];
  });
  return {
    g,
    logits,
    scores: g.op('Sigmoid', [logits]),
    boxes,
    cells,
    off,
    classes,
    anchors: cells.length,
    widthPx,
    heightPx,
    batch: dynamic ? 'batch' : 1,
    half: type === 'float16',
  };
}

/** A constant per anchor, as many times as there are images in the batch. */
function perImage({ g, scores, anchors }, rows) {
  const columns = rows[0].length;
  const zero = g.op('Mul', [g.op('ReduceMax', [scores], { axes: [2], keepdims: 1 }), g.scalar(0)]);
  return g.op('Add', [g.floats([1, anchors, columns], rows.flat()), zero]);
}

const corners = ([cx, cy, w, h]) => [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2];
const unit = ({ widthPx, heightPx }, [a, b, c, d]) => [a / widthPx, b / heightPx, c / widthPx, d / heightPx];

function out(base, name, value, dims, { last = false, type = 'float32' } = {}) {
  const { g, half } = base;
  if (half && type === 'float32') g.output(name, g.op('Cast', [value], { to: 10 }), 'float16', dims);
  else (last ? g.outputAs : g.output).call(g, name, value, type, dims);
}

/** The best `count` anchors: gathered rows of boxes, scores and class numbers, best first. */
function best(base, rows, count) {
  const { g, scores } = base;
  const top = g.op('ReduceMax', [scores], { axes: [2], keepdims: 0 });
  const [values, indices] = g.op('TopK', [top, g.ints(count)], { axis: 1 }, 2);
  const ids = g.op('ArgMax', [scores], { axis: 2, keepdims: 0 });
  const at = g.op('Unsqueeze', [indices, g.ints(2)]);
  const columns = rows[0].length;
  const expanded = g.op('Tile', [at, g.ints(1, 1, columns)]);
  return {
    boxes: g.op('GatherElements', [perImage(base, rows), expanded], { axis: 1 }),
    scores: values,
    classes: g.op('GatherElements', [ids, indices], { axis: 1 }),
    indices,
  };
}

const one = (g, value) => g.op('Unsqueeze', [value, g.ints(2)]);
const float = (g, value) => g.op('Cast', [value], { to: 1 });

export const HEADS = {
  yolov8(base) {
    const { g, scores, boxes, classes, anchors, batch } = base;
    const rows = g.op('Concat', [perImage(base, boxes), scores], { axis: 2 });
    const columns = g.op('Transpose', [rows], { perm: [0, 2, 1] });
    // Ends in a join of its own, as the exporter's does.
    const [box, score] = [
      [0, 4],
      [4, 4 + classes],
    ].map(([from, to]) => g.op('Slice', [columns, g.ints(from), g.ints(to), g.ints(1)]));
    out(base, 'output0', g.op('Concat', [box, score], { axis: 1 }), [batch, 4 + classes, anchors], {
      last: true,
    });
  },
  'yolov8-seg'(base) {
    const { g, scores, boxes, classes, anchors, batch } = base;
    const weights = boxes.map((_, i) => [Math.sin(i), Math.cos(i), 0.5, -0.25]);
    const rows = g.op('Concat', [perImage(base, boxes), scores, perImage(base, weights)], { axis: 2 });
    const [ph, pw] = [base.heightPx / 4, base.widthPx / 4];
    const plane = Array.from({ length: 4 * ph * pw }, (_, i) => Math.sin(i / 7) + Math.cos(i / 31));
    const zero = g.op('Mul', [g.op('ReduceMax', [scores], { axes: [1, 2], keepdims: 1 }), g.scalar(0)]);
    const prototypes = g.op('Add', [g.floats([1, 4, ph, pw], plane), g.op('Unsqueeze', [zero, g.ints(3)])]);
    out(base, 'output0', g.op('Transpose', [rows], { perm: [0, 2, 1] }), [batch, 8 + classes, anchors]);
    out(base, 'output1', prototypes, [batch, 4, ph, pw]);
  },
  'yolov8-transposed'(base) {
    const { g, scores, boxes, classes, anchors, batch } = base;
    const columns = [perImage(base, boxes), scores].map((part) =>
      g.op('Transpose', [part], { perm: [0, 2, 1] }),
    );
    const joined = g.op('Concat', columns, { axis: 1 });
    out(base, 'output0', g.op('Transpose', [joined], { perm: [0, 2, 1] }), [batch, anchors, 4 + classes], {
      last: true,
    });
  },
  yolov5(base) {
    const { g, scores, boxes, classes, anchors, batch } = base;
    const rows = g.op(
      'Concat',
      [
        perImage(
          base,
          boxes.map((box) => [...box, 1]),
        ),
        scores,
      ],
      { axis: 2 },
    );
    const none = g.op('Mul', [
      rows,
      g.floats([1, 1, 5 + classes], [1, 1, 1, 1, 0, ...Array(classes).fill(1)]),
    ]);
    out(base, 'output0', g.op('Concat', [none, rows, none], { axis: 1 }), [batch, 3 * anchors, 5 + classes], {
      last: true,
    });
  },
  yolox(base) {
    const { g, scores, boxes, cells, classes, anchors, batch } = base;
    const raw = boxes.map(([cx, cy, w, h], i) => {
      const { stride, x, y } = cells[i];
      return [cx / stride - x, cy / stride - y, Math.log(w / stride), Math.log(h / stride), 1];
    });
    const columns = g.op('Transpose', [g.op('Concat', [perImage(base, raw), scores], { axis: 2 })], {
      perm: [0, 2, 1],
    });
    const ends = STRIDES.map((stride) => cells.filter((cell) => cell.stride <= stride).length);
    const levels = ends.map((end, i) =>
      g.op('Slice', [columns, g.ints(ends[i - 1] ?? 0), g.ints(end), g.ints(2)]),
    );
    out(
      base,
      'output',
      g.op('Transpose', [g.op('Concat', levels, { axis: 2 })], { perm: [0, 2, 1] }),
      [batch, anchors, 5 + classes],
      { last: true },
    );
  },
  end2end(base) {
    const { g, batch } = base;
    const found = best(base, base.boxes.map(corners), 50);
    out(
      base,
      'output0',
      g.op('Concat', [found.boxes, one(g, found.scores), float(g, one(g, found.classes))], { axis: 2 }),
      [batch, 50, 6],
    );
  },
  yolov7(base) {
    const { g } = base;
    const found = best(base, base.boxes.map(corners), 50);
    const ones = g.op('Add', [g.op('Mul', [one(g, found.scores), g.scalar(0)]), g.scalar(1)]);
    const image = g.op('Sub', [g.op('CumSum', [ones, g.op('Constant', [], { value_int: 0 })]), g.scalar(1)]);
    const rows = g.op('Concat', [image, found.boxes, float(g, one(g, found.classes)), one(g, found.scores)], {
      axis: 2,
    });
    out(base, 'output', g.op('Reshape', [rows, g.ints(-1, 7)]), ['found', 7]);
  },
  'rtdetr-ultralytics'(base) {
    const { g, scores, classes, batch } = base;
    const found = best(
      base,
      base.boxes.map((box) => unit(base, box)),
      50,
    );
    const at = g.op('Tile', [one(g, found.indices), g.ints(1, 1, classes)]);
    const picked = g.op('GatherElements', [scores, at], { axis: 1 });
    out(base, 'output0', g.op('Concat', [found.boxes, picked], { axis: 2 }), [batch, 50, 4 + classes]);
  },
  detr(base) {
    const { logits, classes, anchors, batch } = base;
    out(base, 'logits', logits, [batch, anchors, classes]);
    out(
      base,
      'pred_boxes',
      perImage(
        base,
        base.boxes.map((box) => unit(base, box)),
      ),
      [batch, anchors, 4],
    );
  },
  rfdetr(base) {
    const { g, logits, classes, anchors, batch } = base;
    const background = perImage(
      base,
      base.boxes.map(() => [-9]),
    );
    out(
      base,
      'dets',
      perImage(
        base,
        base.boxes.map((box) => unit(base, box)),
      ),
      [batch, anchors, 4],
    );
    out(base, 'labels', g.op('Concat', [logits, background], { axis: 2 }), [batch, anchors, classes + 1]);
  },
  dfine(base) {
    const { g, batch } = base;
    g.inputs.push({ name: 'orig_target_sizes', type: 'int64', dims: [batch, 2] });
    const found = best(
      base,
      base.boxes.map((box) => unit(base, corners(box))),
      50,
    );
    const sizes = g.op('Unsqueeze', [g.op('Tile', [float(g, 'orig_target_sizes'), g.ints(1, 2)]), g.ints(1)]);
    out(base, 'labels', found.classes, [batch, 50], { type: 'int64' });
    out(base, 'boxes', g.op('Mul', [found.boxes, sizes]), [batch, 50, 4]);
    out(base, 'scores', found.scores, [batch, 50]);
  },
  tensorflow(base) {
    const { g, batch } = base;
    const yx = base.boxes.map((box) => unit(base, corners(box))).map(([a, b, c, d]) => [b, a, d, c]);
    const found = best(base, yx, 50);
    const count = g.op('Add', [
      g.op('Mul', [g.op('ReduceMax', [found.scores], { axes: [1], keepdims: 0 }), g.scalar(0)]),
      g.scalar(50),
    ]);
    out(base, 'detection_boxes', found.boxes, [batch, 50, 4]);
    out(base, 'detection_scores', found.scores, [batch, 50]);
    out(base, 'detection_classes', g.op('Add', [float(g, found.classes), g.scalar(1)]), [batch, 50]);
    out(base, 'num_detections', count, [batch]);
  },
  efficientnms(base) {
    const { g, batch } = base;
    const found = best(base, base.boxes.map(corners), 50);
    const count = g.op('Add', [
      g.op('Mul', [g.op('ReduceMax', [found.scores], { axes: [1], keepdims: 1 }), g.scalar(0)]),
      g.scalar(50),
    ]);
    out(base, 'num_dets', g.op('Cast', [count], { to: 6 }), [batch, 1], { type: 'int32' });
    out(base, 'det_boxes', found.boxes, [batch, 50, 4]);
    out(base, 'det_scores', found.scores, [batch, 50]);
    out(base, 'det_classes', g.op('Cast', [found.classes], { to: 6 }), [batch, 50], { type: 'int32' });
  },
  torchvision(base) {
    const { g } = base;
    const found = best(base, base.boxes.map(corners), 50);
    const flat = (value) => g.op('Squeeze', [value, g.ints(0)]);
    out(base, 'boxes', flat(found.boxes), [50, 4]);
    out(base, 'labels', g.op('Add', [flat(found.classes), g.ints(1)]), [50], { type: 'int64' });
    out(base, 'scores', flat(found.scores), [50]);
  },
  ppyoloe(base) {
    const { g, scores, classes, anchors, batch } = base;
    out(base, 'concat_14.tmp_0', perImage(base, base.boxes.map(corners)), [batch, anchors, 4]);
    out(base, 'sigmoid_9.tmp_0', g.op('Transpose', [scores], { perm: [0, 2, 1] }), [batch, classes, anchors]);
  },
  'ppyoloe-nms'(base) {
    const { g, batch } = base;
    g.inputs.push({ name: 'scale_factor', type: 'float32', dims: [batch, 2] });
    const found = best(base, base.boxes.map(corners), 50);
    const twice = g.op('Unsqueeze', [g.op('Tile', ['scale_factor', g.ints(1, 2)]), g.ints(1)]);
    const boxes = g.op('Div', [found.boxes, twice]);
    const rows = g.op('Concat', [float(g, one(g, found.classes)), one(g, found.scores), boxes], { axis: 2 });
    const count = g.op('Add', [
      g.op('Mul', [g.op('ReduceMax', [found.scores], { axes: [1], keepdims: 0 }), g.scalar(0)]),
      g.scalar(50),
    ]);
    out(base, 'multiclass_nms3_0.tmp_0', g.op('Reshape', [rows, g.ints(-1, 6)]), ['found', 6]);
    out(base, 'multiclass_nms3_0.tmp_2', g.op('Cast', [count], { to: 6 }), [batch], { type: 'int32' });
  },
  mmdeploy(base) {
    const { g, batch } = base;
    const found = best(base, base.boxes.map(corners), 50);
    out(base, 'dets', g.op('Concat', [found.boxes, one(g, found.scores)], { axis: 2 }), [batch, 50, 5]);
    out(base, 'labels', found.classes, [batch, 50], { type: 'int64' });
  },
};
