/** How far two devices' results lie from each other. */

/** Bounds that a GPU must keep against the CPU. TensorFloat-32 keeps 10 bits of a product's mantissa, fp16 as many. */
export const TOLERANCES = {
  exact: { raw: 1e-5, cosine: 0.999999, confidence: 1e-4 },
  fp32: { raw: 1e-3, cosine: 0.9999, confidence: 2e-3 },
  tf32: { raw: 1e-2, cosine: 0.9995, confidence: 2e-2 },
  fp16: { raw: 5e-2, cosine: 0.999, confidence: 5e-2 },
};

/** Largest difference of two tensors, as a part of the reference's range; NaN where either holds one. */
export function rawDifference(came, wanted) {
  let worst = 0;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(came[i] - wanted[i]);
    if (Number.isNaN(difference)) return NaN;
    if (difference > worst) worst = difference;
    if (wanted[i] < low) low = wanted[i];
    if (wanted[i] > high) high = wanted[i];
  }
  return worst / Math.max(high - low, 1e-12);
}

/** Smallest cosine between rows of two matrices; NaN where either holds one. */
export function leastCosine(came, wanted, columns) {
  let least = 1;
  for (let at = 0; at < wanted.length; at += columns) {
    let dot = 0;
    let a = 0;
    let b = 0;
    for (let i = at; i < at + columns; i++) {
      dot += came[i] * wanted[i];
      a += came[i] ** 2;
      b += wanted[i] ** 2;
    }
    const cosine = a === 0 && b === 0 ? 1 : dot / Math.sqrt(a * b);
    if (Number.isNaN(cosine)) return NaN;
    if (cosine < least) least = cosine;
  }
  return least;
}

function overlap(rows, i, others, j) {
  const [ax1, ay1, ax2, ay2] = rows.subarray(i * 6, i * 6 + 4);
  const [bx1, by1, bx2, by2] = others.subarray(j * 6, j * 6 + 4);
  const width = Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1));
  const height = Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1));
  const both = width * height;
  return both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both || 1);
}

/**
 * Pairs the boxes of two runs: same class, IoU of at least 0.8. A box whose confidence is within `slack` of the
 * threshold may be on one side only.
 *
 * @returns boxes of the reference, how many have no partner and should, and the largest difference in confidence
 */
export function compareBoxes(came, wanted, threshold, slack) {
  let boxes = 0;
  let alone = 0;
  let worst = 0;
  wanted.forEach((rows, image) => {
    const others = came[image];
    const used = new Set();
    for (let i = 0; i < rows.length / 6; i++) {
      boxes += 1;
      let best = -1;
      for (let j = 0; j < others.length / 6; j++) {
        if (used.has(j) || others[j * 6 + 5] !== rows[i * 6 + 5] || overlap(rows, i, others, j) < 0.8)
          continue;
        if (best < 0 || overlap(rows, i, others, j) > overlap(rows, i, others, best)) best = j;
      }
      if (best < 0) {
        if (rows[i * 6 + 4] > threshold + slack) alone += 1;
        continue;
      }
      used.add(best);
      worst = Math.max(worst, Math.abs(rows[i * 6 + 4] - others[best * 6 + 4]));
    }
    for (let j = 0; j < others.length / 6; j++) {
      if (!used.has(j) && others[j * 6 + 4] > threshold + slack) alone += 1;
    }
  });
  return { boxes, alone, worst };
}
