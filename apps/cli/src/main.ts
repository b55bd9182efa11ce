import { EXIT } from '@hazure/contracts';
import { runProgram } from './program.js';

// Before anything loads ONNX Runtime: from 1.29 on it reports usage by default and writes below the user's cache.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

// A reader that has seen enough (`hazure … | head`) is no reason to end a run, or to end with a stack trace.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

runProgram(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = EXIT.failed;
  },
);
