/** Quoted-printable by hand (RFC 2045 6.7). */

const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const EQUALS = 0x3d;
const HEX = Buffer.from('0123456789ABCDEF', 'latin1');
/** Characters on an encoded line, the `=` of a soft line break included. */
const COLUMNS = 76;

/**
 * Encodes text whose line ends are CRLF: they stay line ends, everything else comes back octet for octet. No line is longer
 * than 76 characters, none ends in a blank, and a dot or a "From " never begins one.
 */
export function encodeQuotedPrintable(text: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(text.length * 3 + Math.ceil((text.length * 3) / (COLUMNS - 1)) * 3);
  let at = 0;
  let column = 0;
  for (let index = 0; index < text.length; index++) {
    const octet = text[index] as number;
    const next = text[index + 1];
    if (octet === CR && next === LF) {
      out[at++] = CR;
      out[at++] = LF;
      column = 0;
      index++;
      continue;
    }
    const endsLine = next === undefined || (next === CR && text[index + 2] === LF);
    let plain = isPlain(octet, column, endsLine, text, index);
    // The last place of a line is the soft break's, unless the line ends here anyway.
    if (column + (plain ? 1 : 3) > (endsLine ? COLUMNS : COLUMNS - 1)) {
      out[at++] = EQUALS;
      out[at++] = CR;
      out[at++] = LF;
      column = 0;
      plain = isPlain(octet, column, endsLine, text, index);
    }
    if (plain) {
      out[at++] = octet;
      column += 1;
    } else {
      out[at++] = EQUALS;
      out[at++] = HEX[octet >> 4] as number;
      out[at++] = HEX[octet & 15] as number;
      column += 3;
    }
  }
  return out.subarray(0, at);
}

function isPlain(octet: number, column: number, endsLine: boolean, text: Uint8Array, index: number): boolean {
  if (octet === SPACE || octet === TAB) return !endsLine;
  if (octet < 0x21 || octet > 0x7e || octet === EQUALS) return false;
  if (column > 0) return true;
  // Relays double a dot and quote a "From " at the start of a line, and not all of them undo it.
  if (octet === 0x2e) return false;
  return !(
    octet === 0x46 &&
    text[index + 1] === 0x72 &&
    text[index + 2] === 0x6f &&
    text[index + 3] === 0x6d &&
    text[index + 4] === SPACE
  );
}

/** Decodes mail as it comes: never throws; an `=` that stands for nothing stays, blanks at the end of a line go. */
export function decodeQuotedPrintable(text: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  let at = 0;
  for (let index = 0; index < text.length; index++) {
    const octet = text[index] as number;
    if (octet === SPACE || octet === TAB) {
      // The whole run at once: it is looked at once, however long it is.
      const end = blanksEnd(text, index);
      if (!isLineEnd(text, end)) {
        out.set(text.subarray(index, end), at);
        at += end - index;
      }
      index = end - 1;
      continue;
    }
    if (octet !== EQUALS) {
      out[at++] = octet;
      continue;
    }
    const high = digit(text[index + 1]);
    const low = digit(text[index + 2]);
    if (high !== -1 && low !== -1) {
      out[at++] = high * 16 + low;
      index += 2;
      continue;
    }
    const end = blanksEnd(text, index + 1);
    if (!isLineEnd(text, end)) {
      out[at++] = octet;
      continue;
    }
    index = text[end] === CR && text[end + 1] === LF ? end + 1 : end;
  }
  return out.subarray(0, at);
}

function blanksEnd(text: Uint8Array, from: number): number {
  let end = from;
  while (text[end] === SPACE || text[end] === TAB) end++;
  return end;
}

function isLineEnd(text: Uint8Array, at: number): boolean {
  return at >= text.length || text[at] === LF || (text[at] === CR && text[at + 1] === LF);
}

function digit(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
