/** What the Content-Type of a part that somebody else made says of its structure (RFC 2045 5.1). */
export interface ContentType {
  /** In small letters; `text/plain` for what is no type (RFC 2045 5.2). */
  readonly type: string;
  readonly boundary: string | undefined;
}

/** Reads a field's value as readers do: never throws, the first of several boundaries counts. */
export function readContentType(field: string): ContentType {
  const value = field.slice(0, VALUE_LIMIT);
  const [, type = 'text/plain'] = /^\s*([^\s/;()"]+\/[^\s/;()"]+)\s*(?:[;(]|$)/.exec(value) ?? [];
  return { type: type.toLowerCase(), boundary: boundaryIn(value) };
}

/** What is longer is cut. */
const VALUE_LIMIT = 8 * 1024;
/** RFC 2046 5.1.1 allows 70 characters; what is longer is found in the wild, what is much longer is not. */
const BOUNDARY_LIMIT = 500;

function boundaryIn(value: string): string | undefined {
  // One parameter after the other, so that a quoted value that holds a semicolon is passed over whole.
  const parameter = /;\s*([^\s=;"]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/gsy;
  parameter.lastIndex = Math.max(value.indexOf(';'), 0);
  for (let match = parameter.exec(value); match !== null; match = parameter.exec(value)) {
    const [, name = '', quoted, token = ''] = match;
    if (name.toLowerCase() === 'boundary') {
      const boundary = (quoted?.replace(/\\(.)/gs, '$1') ?? token).trimEnd();
      return boundary === '' || boundary.length > BOUNDARY_LIMIT ? undefined : boundary;
    }
    // Comments and the like between two parameters are nobody's.
    const next = value.indexOf(';', parameter.lastIndex);
    if (next === -1) return undefined;
    parameter.lastIndex = next;
  }
  return undefined;
}
