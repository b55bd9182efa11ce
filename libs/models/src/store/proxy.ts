const PROXY_VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

/**
 * `fetch` through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), which Node.js's own
 * does not look at; without such variables it is Node.js's own.
 */
export function proxyAwareFetch(env: Readonly<Record<string, string | undefined>>): typeof fetch {
  if (!PROXY_VARIABLES.some((name) => env[name])) return fetch;
  let viaProxy: Promise<typeof fetch> | undefined;
  return async (input, init) => {
    viaProxy ??= loadProxyFetch(env);
    return (await viaProxy)(input, init);
  };
}

async function loadProxyFetch(env: Readonly<Record<string, string | undefined>>): Promise<typeof fetch> {
  // Loaded only where needed: undici is large, and Node.js brings its own copy for the common case.
  const undici = await import('undici');
  const httpProxy = env['http_proxy'] ?? env['HTTP_PROXY'];
  const httpsProxy = env['https_proxy'] ?? env['HTTPS_PROXY'];
  const noProxy = env['no_proxy'] ?? env['NO_PROXY'];
  const dispatcher = new undici.EnvHttpProxyAgent({
    ...(httpProxy ? { httpProxy } : {}),
    ...(httpsProxy ? { httpsProxy } : {}),
    ...(noProxy ? { noProxy } : {}),
  });
  return ((input: string, init?: object) =>
    undici.fetch(input, { ...init, dispatcher })) as unknown as typeof fetch;
}
