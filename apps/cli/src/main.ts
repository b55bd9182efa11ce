import { EXIT } from '@hazure/contracts';
import { runProgram } from './program.js';

// Before anything loads ONNX Runtime: from 1.29 on it reports usage by default and writes below the user's cache.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

runProgram(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = EXIT.failed;
  },
);
