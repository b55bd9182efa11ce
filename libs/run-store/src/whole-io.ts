import type { FileHandle } from 'node:fs/promises';

/** One system call moves at most 2³¹ − 1 bytes; pieces below that also let other work in between. */
const PIECE_BYTES = 2 ** 26;

/** Writes all of it, however little each call takes. @throws Error when a call takes nothing */
export async function writeWholly(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const length = Math.min(PIECE_BYTES, bytes.byteLength - done);
    const { bytesWritten } = await handle.write(bytes, done, length, position + done);
    if (bytesWritten === 0) throw new Error(`nothing more could be written at byte ${position + done}`);
    done += bytesWritten;
  }
}

/** Fills all of `into`, however little each call gives. @throws Error when the file ends before */
export async function readWholly(handle: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.byteLength;) {
    const length = Math.min(PIECE_BYTES, into.byteLength - done);
    const { bytesRead } = await handle.read(into, done, length, position + done);
    if (bytesRead === 0)
      throw new Error(`it ends at byte ${position + done}, ${into.byteLength - done} bytes too early`);
    done += bytesRead;
  }
}

/** Bytes of some float32s, without a copy. */
export const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
