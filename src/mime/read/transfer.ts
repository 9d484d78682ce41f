import { decodeBase64Tolerant } from '../../codec/base64.ts';
import { asBuffer } from '../../codec/octets.ts';
import { decodeQuotedPrintable } from '../../codec/quoted-printable.ts';
import type { Warnings } from './warnings.ts';

/** The octets of a body (RFC 2045 6); of one in an unknown encoding, as they came. Never throws. */
export function decodeTransfer(body: Uint8Array, encoding: string, warnings: Warnings): Uint8Array {
  if (encoding === 'base64') return decodeBase64Tolerant(withoutFooter(body, warnings));
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(body);
  if (/^(?:x-)?uu(?:e|encode)$/.test(encoding)) return decodeUu(body);
  if (!/^(?:[78]-?bit|binary)$/.test(encoding))
    warnings.add('a part has an unknown transfer encoding: its octets are as they came');
  return body;
}

const BASE64_OR_BLANK = /^[A-Za-z0-9+/\-_=\s]*$/;

/** Mailing lists put their footers behind base64, in clear: what follows the padding and is no base64 is left out. */
function withoutFooter(body: Uint8Array, warnings: Warnings): Uint8Array {
  const bytes = asBuffer(body);
  const padding = bytes.indexOf(0x3d);
  if (padding === -1) return body;
  const lineEnd = bytes.indexOf(0x0a, padding);
  if (lineEnd === -1 || BASE64_OR_BLANK.test(bytes.toString('latin1', lineEnd))) return body;
  warnings.add('text that is no base64 follows the base64 of a part: it is left out');
  return bytes.subarray(0, lineEnd);
}

/** What stands between `begin` and `end` (POSIX uuencode); nothing where there is no `begin`. */
function decodeUu(body: Uint8Array): Uint8Array {
  const bytes = asBuffer(body);
  const out = Buffer.allocUnsafe(body.length);
  let to = 0;
  let begun = false;
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf(0x0a, at);
    const next = found === -1 ? bytes.length : found + 1;
    const isWord = !begun || bytes[at] === 0x65;
    const start = isWord ? bytes.toString('latin1', at, Math.min(next, at + 10)) : '';
    if (begun && /^end\s*$/.test(start)) break;
    if (begun) to = uuLine(bytes.subarray(at, next), out, to);
    else begun = /^begin \d/.test(start);
    at = next;
  }
  return out.subarray(0, to);
}

/** One line: how many octets it holds, then four characters for each three of them. */
function uuLine(line: Buffer, out: Buffer, from: number): number {
  const six = (at: number): number => ((line[at] ?? 0x20) - 0x20) & 0x3f;
  const wanted = Math.min(six(0), Math.floor(((line.length - 1) * 3) / 4));
  for (let count = 0; count < wanted; count++) {
    const at = 1 + Math.floor(count / 3) * 4 + (count % 3);
    const shift = (count % 3) * 2;
    out[from + count] = ((six(at) << (2 + shift)) | (six(at + 1) >> (4 - shift))) & 0xff;
  }
  return from + wanted;
}
