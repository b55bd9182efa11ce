import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeOnnx, type OnnxModel } from '@hazure/models';
import type { Engine, InferenceSession, SessionOptions } from '@hazure/native-engine';

/** A folder for models that are tried and thrown away. */
export class Workshop {
  #made = 0;

  private constructor(
    readonly engine: Engine,
    private readonly folder: string,
  ) {}

  static async open(engine: Engine): Promise<Workshop> {
    return new Workshop(engine, await mkdtemp(join(tmpdir(), 'hazure-quantise-')));
  }

  /** Writes a model to try; the file goes when the workshop closes. */
  async write(model: OnnxModel): Promise<string> {
    const path = join(this.folder, `${this.#made++}.onnx`);
    await writeFile(path, encodeOnnx(model));
    return path;
  }

  /** Opens a model for as long as `use` takes, and removes its file. */
  async with<T>(
    model: OnnxModel,
    use: (session: InferenceSession, path: string) => Promise<T>,
    options: SessionOptions = {},
  ): Promise<T> {
    const path = await this.write(model);
    try {
      const session = await this.engine.loadSession(path, { device: 'cpu', ...options });
      try {
        return await use(session, path);
      } finally {
        await session.close();
      }
    } finally {
      await rm(path, { force: true });
    }
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
