/** One entity of a message: its header, and its body as a stream of known size. */
export interface Part {
  /** Whole fields, each ended by CRLF; without the blank line. */
  readonly header: string;
  /** Octets of the body. */
  readonly bodySize: number;
  body(): AsyncGenerator<Uint8Array>;
}

/** Octets of a part with its header and the blank line between. */
export function partSize(part: Part): number {
  return Buffer.byteLength(part.header) + 2 + part.bodySize;
}

/** A part as bytes; a chunk is only good until the next is asked for. */
export async function* partBytes(part: Part): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${part.header}\r\n`, 'utf8');
  yield* part.body();
}

/** What is smaller is worth a copy, what is larger is worth a write of its own. */
const SMALL = 16 * 1024;

/** The same octets with small chunks put together: a small message is one. */
export async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let small: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of source) {
    if (chunk.length < SMALL) {
      small.push(Buffer.from(chunk));
      octets += chunk.length;
      if (octets < SMALL) continue;
    }
    if (octets > 0) yield Buffer.concat(small);
    small = [];
    octets = 0;
    if (chunk.length >= SMALL) yield chunk;
  }
  if (octets > 0) yield Buffer.concat(small);
}

/** Several parts as one (RFC 2046 5.1). `fields` come after its Content-Type. */
export function multipart(contentType: string, boundary: string, parts: readonly Part[]): Part {
  const delimiter = `--${boundary}\r\n`;
  const end = `--${boundary}--\r\n`;
  return {
    header: contentType,
    // Between two parts stands one CRLF that belongs to the delimiter (RFC 2046 5.1.1).
    bodySize: parts.reduce((sum, part) => sum + delimiter.length + partSize(part) + 2, 0) + end.length,
    async *body() {
      for (const part of parts) {
        yield Buffer.from(delimiter, 'latin1');
        yield* partBytes(part);
        yield Buffer.from('\r\n', 'latin1');
      }
      yield Buffer.from(end, 'latin1');
    },
  };
}
