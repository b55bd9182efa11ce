import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HazureError, messageOf } from '@hazure/contracts';
import {
  runtimeLibrary,
  type Engine,
  type EngineInfo,
  type JpegState,
  type ProviderState,
  type RuntimeLibrary,
} from '@hazure/native-engine';

/** What the engine says about itself. */
export interface EngineReport {
  readonly info: EngineInfo;
  readonly memory: ReturnType<Engine['memory']>;
  readonly providers: readonly ProviderState[];
  /** libjpeg-turbo, or the words of why the chosen one can't be used. */
  readonly jpeg: JpegState | { readonly failure: string; readonly hint: string };
  /** Whether ONNX Runtime was told to keep its telemetry to itself before it was loaded. */
  readonly telemetryOff: boolean;
}

/** Why there is no engine. */
export interface EngineFailure {
  readonly message: string;
  readonly hint: string;
}

const REBUILD = 'Run `npm run setup` in the repository to build the engine for this machine.';

/**
 * Asks the engine in a process of its own: a library that crashes when it is opened must not take along the one
 * command that could say so.
 */
export async function askEngine(): Promise<EngineReport | EngineFailure> {
  const script = `
    const { loadEngine } = await import(${JSON.stringify(import.meta.resolve('@hazure/native-engine'))});
    let answer;
    try {
      const engine = loadEngine();
      const telemetryOff = process.env.ORT_DISABLE_TELEMETRY === '1';
      let jpeg;
      try {
        jpeg = engine.jpeg();
      } catch (error) {
        jpeg = { failure: error.message, hint: error.hint };
      }
      const [info, memory, providers] = [engine.info(), engine.memory(), engine.providers()];
      answer = { info, memory, providers, jpeg, telemetryOff };
    } catch (error) {
      answer = { message: error.message, hint: error.hint ?? ${JSON.stringify(REBUILD)} };
    }
    process.stdout.write(JSON.stringify(answer));`;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 120_000,
      maxBuffer: 1 << 24,
    });
    return JSON.parse(stdout) as EngineReport | EngineFailure;
  } catch (error) {
    const { signal } = error as { signal?: string | null };
    return {
      message: signal
        ? `the process that opened the engine was ended by ${signal}`
        : `the process that opened the engine failed: ${messageOf(error).split('\n')[0] ?? ''}`,
      hint: REBUILD,
    };
  }
}

/** The ONNX Runtime that is chosen, or null where there is none (the engine's failure says so). */
export function chosenRuntime(): RuntimeLibrary | null {
  try {
    return runtimeLibrary();
  } catch (error) {
    if (error instanceof HazureError) return null;
    throw error;
  }
}
