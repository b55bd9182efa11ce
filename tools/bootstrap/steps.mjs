/** Step lines for people: what is being done, how long it took, and the whole output only where it failed. */
import { spawn } from 'node:child_process';

const colour = process.stderr.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

const seconds = (ms) => (ms < 950 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/**
 * Runs one step under a line of its own.
 *
 * @template T
 * @param {string} title what is being done
 * @param {(say: (text: string) => void) => Promise<T> | T} work `say` adds what was found or chosen to the line
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const start = performance.now();
  let note = '';
  if (process.stderr.isTTY) process.stderr.write(`${paint(2, '…')} ${title}`);
  const line = (mark) => {
    const rewind = process.stderr.isTTY ? '\r\u001b[K' : '';
    const took = paint(2, seconds(performance.now() - start));
    process.stderr.write(`${rewind}${mark} ${title}${note ? paint(2, ` (${note})`) : ''}  ${took}\n`);
  };
  try {
    const result = await work((text) => {
      note = text;
    });
    line(paint(32, '✓'));
    return result;
  } catch (error) {
    line(paint(31, '✗'));
    throw error;
  }
}

/**
 * Runs a command quietly.
 *
 * @throws an error with the last lines of its output when it fails
 */
export function quiet(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      const output = Buffer.concat(chunks).toString('utf8');
      if (status === 0) {
        resolve(output);
        return;
      }
      const tail = output.trimEnd().split('\n').slice(-60).join('\n');
      reject(new Error(`${[command, ...args].join(' ')} ended with ${status ?? signal}:\n\n${tail}`));
    });
  });
}

/** Runs a command with this terminal; resolves with its exit code. Ctrl-C is the command's to handle. */
export function attached(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const ignore = () => {};
    process.on('SIGINT', ignore);
    const child = spawn(command, args, { ...options, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      process.off('SIGINT', ignore);
      resolve(status ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}
