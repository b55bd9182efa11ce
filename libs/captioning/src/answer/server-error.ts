/** What a server says went wrong, in whatever shape it says so. */
export interface ServerError {
  readonly message: string;
  /** HTTP status in the body, where one is. */
  readonly status: number | null;
  /** Parameters that the error names by field, not by sentence. */
  readonly params: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const words = (...values: unknown[]): string =>
  values.find((value): value is string => typeof value === 'string' && value.trim() !== '')?.trim() ?? '';

function statusOf(...values: unknown[]): number | null {
  for (const value of values) {
    const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
    if (typeof status === 'number' && status >= 400 && status <= 599) return status;
  }
  return null;
}

/** FastAPI's list of complaints: `[{loc: ['body', 'seed'], msg: …}]`. */
function fromDetail(detail: readonly unknown[]): { message: string; params: string[] } {
  const complaints = detail.filter(isFields);
  const locations = complaints.flatMap(({ loc }) => (Array.isArray(loc) ? [loc.map(String)] : []));
  return {
    message: complaints
      .map(
        ({ loc, msg, message }) => `${Array.isArray(loc) ? `${loc.join('.')}: ` : ''}${words(msg, message)}`,
      )
      .join('; '),
    params: locations.map((loc) => loc.find((each) => each !== 'body') ?? ''),
  };
}

/**
 * The error in an answer's JSON, or null where it tells of none: `{error: {message, code, param}}`, `{error: "…"}`,
 * `{object: "error", message}`, `{detail: "…" | […]}`, `[{error: …}]`, `{errors: […]}`, `{message, status}`.
 */
export function serverErrorOf(value: unknown): ServerError | null {
  if (Array.isArray(value)) return value.length > 0 ? serverErrorOf(value[0]) : null;
  if (!isFields(value)) return null;
  const { error, detail, errors } = value;
  if (isFields(error)) {
    const inner = isFields(error['error']) ? error['error'] : error;
    const nested = Array.isArray(inner['detail']) ? fromDetail(inner['detail']) : null;
    return {
      message: words(
        inner['message'],
        inner['detail'],
        nested?.message,
        inner['type'],
        inner['code'],
        JSON.stringify(error),
      ),
      status: statusOf(inner['code'], inner['status'], inner['http_status'], value['code'], value['status']),
      params: [...(typeof inner['param'] === 'string' ? [inner['param']] : []), ...(nested?.params ?? [])],
    };
  }
  if (typeof error === 'string' && error.trim() !== '') {
    return {
      message: words(value['message'], error),
      status: statusOf(value['status'], value['code'], value['statusCode']),
      params: [],
    };
  }
  const list = [detail, errors].find((each): each is unknown[] => Array.isArray(each) && each.length > 0);
  if (list !== undefined) {
    const { message, params } = fromDetail(list);
    return {
      message: words(message, JSON.stringify(list)),
      status: statusOf(value['status'], value['code']),
      params,
    };
  }
  const told = words(detail, value['message'], value['msg'], value['title']);
  const failed = value['object'] === 'error' || value['success'] === false || value['type'] === 'error';
  const status = statusOf(value['code'], value['status'], value['statusCode'], value['status_code']);
  if (!failed && status === null && typeof detail !== 'string') return null;
  return told === ''
    ? null
    : { message: told, status, params: typeof value['param'] === 'string' ? [value['param']] : [] };
}
