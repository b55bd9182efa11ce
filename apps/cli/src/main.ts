import { EXIT } from '@hazure/contracts';
import { runProgram } from './program.js';

// Before anything loads ONNX Runtime: from 1.29 on it reports usage by default and writes below the user's cache.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

/** What could not be printed: nobody has it, so the command has failed, whatever it did. */
let unprinted = false;

// A reader that has seen enough (`hazure … | head`) is no reason to end a run, or to end with a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || unprinted) return;
  unprinted = true;
  process.exitCode = EXIT.failed;
  process.stderr.write(`error: standard output can't be written: ${error.message}\n`);
});
// Where nothing can be said, nothing is.
process.stderr.on('error', () => undefined);

runProgram(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = unprinted ? EXIT.failed : code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = EXIT.failed;
  },
);
