/**
 * Transparency of message text, both ways (RFC 5321 4.5.2, RFC 1939 3). Both directions are state machines over bytes,
 * so that no chunk border can hide a dot, a CR or the end.
 */

import { asBuffer } from './octets.ts';

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

const wireReady = new WeakSet<Uint8Array>();

/**
 * Says of a chunk that it starts at the start of a line, consists of whole CRLF lines, and that none of them begins
 * with a dot: `Stuffer` passes it on as it is. For encoders whose output is so by construction (base64).
 */
export function markWireReady<T extends Uint8Array>(lines: T): T {
  wireReady.add(lines);
  return lines;
}

/**
 * Makes message text fit for DATA: every line end (CRLF, LF alone, CR alone, CR CR LF) becomes one CRLF before dots are
 * doubled, since a lax server takes `LF . LF` for the end (SMTP smuggling, RFC 5321 2.3.8).
 */
export class Stuffer {
  readonly #dots: boolean;
  #lineStart = true;
  /** CRs seen whose meaning the next octet decides: none, one, or two. */
  #heldCr = 0;

  /** Without `dots` line ends alone are made right: a text whose length is told needs no end that it could hold. */
  constructor(dots = true) {
    this.#dots = dots;
  }

  stuff(chunk: Uint8Array): Uint8Array {
    if (this.#heldCr === 0) {
      if (this.#lineStart && wireReady.has(chunk)) return chunk;
      if (isStuffed(chunk, this.#lineStart && this.#dots, this.#dots)) {
        if (chunk.length > 0) this.#lineStart = chunk[chunk.length - 1] === LF;
        return chunk;
      }
    }
    const out = Buffer.allocUnsafe(chunk.length * 2 + 4);
    let at = 0;
    let lineStart = this.#lineStart;
    let heldCr = this.#heldCr;
    for (let index = 0; index < chunk.length; index++) {
      const octet = chunk[index] as number;
      if (octet === LF) {
        out[at++] = CR;
        out[at++] = LF;
        heldCr = 0;
        lineStart = true;
        continue;
      }
      if (octet === CR && heldCr < 2) {
        heldCr++;
        continue;
      }
      if (heldCr > 0) {
        const ends = octet === CR ? 1 : heldCr;
        for (let n = 0; n < ends; n++) {
          out[at++] = CR;
          out[at++] = LF;
        }
        lineStart = true;
        if (octet === CR) continue; // two stay held: the oldest was a line end of its own
        heldCr = 0;
      }
      if (lineStart) {
        if (octet === DOT && this.#dots) out[at++] = DOT;
        lineStart = false;
      }
      out[at++] = octet;
    }
    this.#lineStart = lineStart;
    this.#heldCr = heldCr;
    return out.subarray(0, at);
  }

  /** The end of the data: an open line is closed, no blank line is added, and the dot, if there is one, stands alone. */
  finish(): Uint8Array {
    const ends = this.#heldCr > 0 ? this.#heldCr : this.#lineStart ? 0 : 1;
    return Buffer.from(`${'\r\n'.repeat(ends)}${this.#dots ? '.\r\n' : ''}`, 'latin1');
  }
}

/** Whether there is nothing to do: every CR has its LF, every LF its CR, in the same chunk, and no line begins with a dot. */
export function isStuffed(chunk: Uint8Array, atStart: boolean, dots: boolean): boolean {
  if (atStart && chunk[0] === DOT) return false;
  const { length } = chunk;
  for (let at = 0; at < length; at++) {
    const octet = chunk[at] as number;
    if (octet > CR || (octet !== CR && octet !== LF)) continue;
    if (octet === LF || chunk[at + 1] !== LF) return false;
    at++;
    if (dots && chunk[at + 1] === DOT) return false;
  }
  return true;
}

/** Message text in, the octets that follow the 354 reply out, the final dot included. */
export async function* stuff(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stuffer = new Stuffer();
  for await (const chunk of source) {
    const stuffed = stuffer.stuff(chunk);
    if (stuffed.length > 0) yield stuffed;
  }
  yield stuffer.finish();
}

const MID = 0;
const AFTER_CR = 1;
const START = 2;
const AFTER_DOT = 3;
const AFTER_DOT_CR = 4;

/** After so many stuffed lines in one chunk the search by `indexOf` costs more than a walk over the octets. */
const DENSE = 64;

/** The octets that each state holds back, because the next one decides whether they are text. */
const HELD: readonly (readonly number[])[] = [[], [], [], [DOT], [DOT, CR]];

/**
 * Takes a multi-line answer apart: gives the text with stuffing removed and finds the lone dot that ends it.
 *
 * `ending` is the server's own line end, as its greeting showed it: a server that speaks CRLF ends a block with
 * `CRLF . CRLF` only, one that speaks bare LF with a dot after any LF. A dot at the start of a line is removed where it
 * is doubled and kept where a server forgot to (`.x`): only a line that is a dot alone is the end.
 */
export class Unstuffer {
  readonly #lf: boolean;
  #state = START;

  constructor(ending: 'CRLF' | 'LF') {
    this.#lf = ending === 'LF';
  }

  /**
   * Unstuffs `chunk` in place. `bytes` may share its memory; `rest` is defined once the block has ended, and holds
   * what came after it (perhaps nothing).
   */
  push(chunk: Uint8Array): { bytes: Buffer; rest: Buffer | undefined } {
    let buffer = asBuffer(chunk);
    let state = this.#state;
    if (state >= AFTER_DOT) {
      buffer = Buffer.concat([Buffer.from(HELD[state] as readonly number[]), buffer]);
      state = START;
    }
    let at = 0;
    let searches = 0;
    for (let index = 0; index < buffer.length; index++) {
      if (state === MID && searches < DENSE) {
        const found = buffer.indexOf('\n.', index, 'latin1');
        const next = found === -1 ? buffer.length - 3 : found - 1;
        searches++;
        if (next > index) {
          if (at !== index) buffer.copyWithin(at, index, next);
          at += next - index;
          index = next;
        }
      }
      const octet = buffer[index] as number;
      if (state === AFTER_DOT || state === AFTER_DOT_CR) {
        if (octet === LF && (state === AFTER_DOT_CR || this.#lf)) {
          this.#state = START;
          return { bytes: buffer.subarray(0, at), rest: buffer.subarray(index + 1) };
        }
        if (state === AFTER_DOT && octet === CR) {
          state = AFTER_DOT_CR;
          continue;
        }
        buffer[at++] = DOT;
        if (state === AFTER_DOT_CR) buffer[at++] = CR;
        const doubled = state === AFTER_DOT && octet === DOT;
        state = state === AFTER_DOT_CR ? AFTER_CR : MID;
        if (doubled) continue;
      }
      if (octet === DOT && state === START) {
        state = AFTER_DOT;
        continue;
      }
      buffer[at++] = octet;
      if (octet === CR) state = AFTER_CR;
      else if (octet === LF && (state === AFTER_CR || this.#lf)) state = START;
      else state = MID;
    }
    this.#state = state;
    return { bytes: buffer.subarray(0, at), rest: undefined };
  }
}
