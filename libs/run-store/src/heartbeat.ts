import { Worker } from 'node:worker_threads';

/**
 * Rewrites one byte of a file now and then, so that its time of change, set by the file server, says that the process
 * lives. It changes no time by itself: that would be this machine's clock, not the server's. Plain JavaScript in a
 * string, because a worker's module would have to be found from wherever this one was bundled to.
 */
const BEATING = `
const { workerData } = require('node:worker_threads');
const fs = require('node:fs');
const stopped = new Int32Array(workerData.stopped);
for (let beat = 1; Atomics.wait(stopped, 0, 0, workerData.beatMs) === 'timed-out'; beat = (beat + 1) % 10) {
  try {
    const file = fs.openSync(workerData.path, 'r+');
    try {
      fs.writeSync(file, String(beat), workerData.offset);
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
  } catch {
    // a file that is gone, or a full disk, is found by whoever writes the folder
  }
}
`;

/** A thread that gives signs of life; it neither keeps the process alive nor waits for its event loop. */
export class Heartbeat {
  private constructor(private readonly stopped: Int32Array<SharedArrayBuffer>) {}

  /**
   * @param path file that exists
   * @param offset of the byte that is overwritten
   * @param beatMs between two signs of life
   */
  static start(path: string, offset: number, beatMs: number): Heartbeat {
    const stopped = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(BEATING, {
      eval: true,
      workerData: { path, offset, beatMs, stopped: stopped.buffer },
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
      execArgv: [],
      stdin: false,
    });
    worker.on('error', () => undefined);
    worker.unref();
    return new Heartbeat(stopped);
  }

  stop(): void {
    Atomics.store(this.stopped, 0, 1);
    Atomics.notify(this.stopped, 0);
  }
}
