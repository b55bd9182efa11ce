import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The options that pacote needs to reach the registry as the user's own npm would: registry, scopes, proxies,
 * certificates, cache folder, and the credentials that `npm config list` hides.
 *
 * @param {string} workspaceRoot folder whose `.npmrc` counts as the project's
 * @returns {Promise<Record<string, unknown>>}
 */
export async function pacoteOptions(workspaceRoot) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { stdout } = await run(npm, ['config', 'list', '--json'], { cwd: workspaceRoot, maxBuffer: 1 << 24 });
  const config = JSON.parse(stdout);
  const options = {};
  const wanted = {
    registry: 'registry',
    proxy: 'proxy',
    'https-proxy': 'httpsProxy',
    noproxy: 'noProxy',
    ca: 'ca',
    cert: 'cert',
    key: 'key',
    'strict-ssl': 'strictSSL',
    'local-address': 'localAddress',
    'fetch-timeout': 'timeout',
  };
  for (const [from, to] of Object.entries(wanted)) {
    if (config[from] !== undefined && config[from] !== null && config[from] !== '')
      options[to] = config[from];
  }
  for (const [key, value] of Object.entries(config)) {
    if (/^@[^:]+:registry$/.test(key)) options[key] = value;
  }
  if (config.cafile) options.ca = await readFile(config.cafile, 'utf8');
  if (config.cache) options.cache = `${config.cache}/_cacache`;
  for (const file of [config.globalconfig, config.userconfig, `${workspaceRoot}/.npmrc`]) {
    Object.assign(options, await credentialsOf(file));
  }
  return options;
}

/** `//host/:_authToken=…` lines, with `${NAME}` taken from the environment as npm does. */
async function credentialsOf(file) {
  const found = {};
  let text;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return found;
  }
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(\/\/[^=]+?)\s*=\s*(.*?)\s*$/.exec(line);
    if (!match) continue;
    found[match[1]] = match[2]
      .replace(/^"(.*)"$/, '$1')
      .replace(/\$\{([^}]+)\}/g, (whole, name) => process.env[name] ?? whole);
  }
  return found;
}
