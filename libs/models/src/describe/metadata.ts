/** Facts that Ultralytics' exporter writes into `metadata_props`. */
export interface ExportMetadata {
  /** In class order, or null. */
  readonly classNames: readonly string[] | null;
  /** Height and width, or null. */
  readonly inputPx: readonly [number, number] | null;
  readonly stridePx: number | null;
  /** `detect`, `segment`, `pose`, … or null. */
  readonly task: string | null;
  readonly licence: string | null;
  readonly description: string | null;
}

export function readExportMetadata(metadata: Readonly<Record<string, string>>): ExportMetadata {
  const size = [...(metadata['imgsz'] ?? '').matchAll(/\d+/g)].map((match) => Number(match[0]));
  const stride = Number(metadata['stride'] ?? NaN);
  return {
    classNames: metadata['names'] === undefined ? null : parseNames(metadata['names']),
    inputPx: size.length === 0 ? null : [size[0]!, size[1] ?? size[0]!],
    stridePx: Number.isInteger(stride) && stride > 0 ? stride : null,
    task: metadata['task'] ?? null,
    licence: metadata['license'] ?? null,
    description: metadata['description'] ?? null,
  };
}

/**
 * Class names as exporters write them: Python's `{0: 'person', 1: "driver's seat"}` or `['person', …]`, or the
 * same as JSON. Null when the text is neither, or when ids are missing.
 */
export function parseNames(text: string): string[] | null {
  const quoted = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/.source;
  const pairs = [...text.matchAll(new RegExp(`["']?(\\d+)["']?\\s*:\\s*(?:${quoted})`, 'g'))];
  if (text.trim().startsWith('{')) {
    const names: string[] = [];
    for (const pair of pairs) names[Number(pair[1])] = unescape(pair[2] ?? pair[3] ?? '');
    return names.length > 0 && names.length === pairs.length ? names : null;
  }
  if (!text.trim().startsWith('[')) return null;
  const items = [...text.matchAll(new RegExp(quoted, 'g'))].map((item) => unescape(item[1] ?? item[2] ?? ''));
  return items.length > 0 ? items : null;
}

function unescape(text: string): string {
  return text.replace(
    /\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(.)/g,
    (_, u?: string, x?: string, c?: string) => (u || x ? String.fromCharCode(parseInt((u ?? x)!, 16)) : c!),
  );
}
