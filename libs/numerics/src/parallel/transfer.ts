/**
 * Buffers of the typed arrays in a message (one level deep) that can move instead of being copied. Shared
 * memory stays where it is; a view of a part of a buffer is copied, since its buffer belongs to others too.
 */
export function transferablesOf(message: unknown): ArrayBuffer[] {
  const values = typeof message === 'object' && message !== null ? [message, ...Object.values(message)] : [];
  const buffers = values.flatMap((value) =>
    ArrayBuffer.isView(value) &&
    value.buffer instanceof ArrayBuffer &&
    value.byteLength === value.buffer.byteLength
      ? [value.buffer]
      : [],
  );
  return [...new Set(buffers)];
}
