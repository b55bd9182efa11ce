import { pino } from 'pino';
import { PinoPretty as pinoPretty } from 'pino-pretty';
import { withFlags } from '../options/flags.js';
import type { Logger } from '@hazure/contracts';

/** Logs go to standard error, so that standard output stays one JSON document under `--json`. */
export function createLogger(options: { readonly quiet: boolean }): Logger {
  const pretty = pinoPretty({
    destination: 2,
    sync: true,
    colorize: process.stderr.isTTY,
    ignore: 'pid,hostname,time,level',
    messageFormat: (log, key) => {
      const level = Number(log['level']);
      const mark = level >= 50 ? 'error: ' : level >= 40 ? 'warning: ' : '';
      return `${mark}${String(log[key])}`;
    },
    hideObject: true,
  });
  const level = process.env['HAZURE_LOG_LEVEL'] ?? (options.quiet ? 'error' : 'info');
  const log = pino({ level, base: null }, pretty);
  return {
    debug: (message, fields) => log.debug(fields ?? {}, withFlags(message)),
    info: (message, fields) => log.info(fields ?? {}, withFlags(message)),
    warn: (message, fields) => log.warn(fields ?? {}, withFlags(message)),
    error: (message, fields) => log.error(fields ?? {}, withFlags(message)),
  };
}
