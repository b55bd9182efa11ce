import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { makeTinyModel, paintPicture } from '@hazure/test-kit';
import { hazure, runFolder } from './hazure.js';

export interface Judged {
  readonly cropId: string;
  readonly imageId: string;
  readonly box: { x1: number; y1: number; x2: number; y2: number };
  readonly imageWidthPx: number;
  readonly imageHeightPx: number;
  readonly verdict: {
    readonly outlier: boolean;
    readonly reason: string;
    readonly feature: { readonly pValue: number; readonly outlier: boolean };
  };
}

export const text = (...parts: string[]): string => readFileSync(join(...parts), 'utf8');
export const json = <T>(...parts: string[]): T => JSON.parse(text(...parts)) as T;

/** Runs a command that must succeed; its standard output. */
export async function ok(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await hazure(args);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}

/**
 * A baseline of 24 painted pictures in four tiles each, and a detection run over 8, in the folders good and odd; made
 * once for a file of tests. The last 8 of the 24, in the folder b, can also be added later.
 */
export class TinyRun {
  private root = '';
  private model = '';
  baseline = '';
  detection = '';
  /** What `detect --stream` printed. */
  streamed = '';

  constructor() {
    beforeAll(() => this.make(), 240_000);
    afterAll(() => rmSync(this.root, { recursive: true, force: true }));
  }

  at(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  objects(): Judged[] {
    return json<{ objects: Judged[] }>(this.detection, 'detection_results.json').objects;
  }

  learnFlags(out: string): string[] {
    return [
      ...['--input-root', this.at('normal'), '--output-dir', this.at(out), '--quiet'],
      ...['--detector', 'grid:2x2', '--embedder', this.model, '--threshold-percentile', '80'],
    ];
  }

  private async make(): Promise<void> {
    this.root = mkdtempSync(join(tmpdir(), 'hazure-tiny-run-'));
    this.model = join(makeTinyModel('clip', this.at('clip')), 'onnx/vision_model.onnx');
    await this.paint();
    await ok(['learn', this.at('normal/a'), this.at('normal/b'), ...this.learnFlags('all')]);
    this.baseline = runFolder(this.at('all'), 'baseline');
    this.streamed = await ok([
      ...['detect', this.at('new'), '--baseline', this.baseline, '--output-dir', this.at('judged')],
      ...['--quiet', '--stream', '--judge-by', 'object'],
    ]);
    this.detection = runFolder(this.at('judged'), 'detection');
    // where the how-to for DuckDB keeps it
    writeFileSync(join(this.detection, 'objects.jsonl'), this.streamed);
  }

  private async paint(): Promise<void> {
    for (const folder of ['normal/a', 'normal/b', 'new/good', 'new/odd'])
      mkdirSync(this.at(folder), { recursive: true });
    for (let i = 0; i < 24; i++)
      await paintPicture(this.at('normal', i < 16 ? 'a' : 'b', `${i}.png`), i, 120, 90);
    for (let i = 0; i < 8; i++)
      await paintPicture(this.at('new', i < 4 ? 'good' : 'odd', `${i}.png`), 40 + i, 120, 90);
    for (const name of readdirSync(this.at('new/odd'))) {
      const path = this.at('new/odd', name);
      writeFileSync(path, await sharp(readFileSync(path)).negate({ alpha: false }).png().toBuffer());
    }
  }
}
