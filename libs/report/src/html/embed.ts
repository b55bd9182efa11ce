import { createHash } from 'node:crypto';

/** Bytes as a `data:` URL. */
export function dataUrl(bytes: Uint8Array, mediaType = 'image/jpeg'): string {
  return `data:${mediaType};base64,${base64(bytes)}`;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * JSON that can stand inside a script element: `<` never appears, so no string in the data can close the element or
 * open a comment, whatever it holds.
 */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}

/** Source of a Content-Security-Policy that lets exactly this inline script run. */
export function cspHash(script: string): string {
  return `'sha256-${createHash('sha256').update(script, 'utf8').digest('base64')}'`;
}
