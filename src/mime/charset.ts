/** Bytes of a named character set to text, for reading what others wrote: never throws. */
import { isUtf8 } from 'node:buffer';

/** windows-1252 at 80 to 9F; `TextDecoder` of Node 20 gives C1 controls there. Undefined places keep their own number. */
const WINDOWS_1252 =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
  '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

/** The labels that are windows-1252 to a browser, and are so in mail, too (WHATWG Encoding 4.2). */
const LATIN = new Set([
  'ansi_x3.4-1968',
  'ascii',
  'cp-1252',
  'cp1252',
  'cp819',
  'csisolatin1',
  'ibm819',
  'iso-8859-1',
  'iso-ir-100',
  'iso8859-1',
  'iso88591',
  'iso_8859-1',
  'iso_8859-1:1987',
  'l1',
  'latin1',
  'us-ascii',
  'windows-1252',
  'x-cp1252',
]);

/** Names that mailers use and `TextDecoder` does not know, or takes for something else. */
const ALIASES: Readonly<Record<string, string>> = {
  unicode: 'utf-8',
  utf8: 'utf-8',
  'utf-8mb4': 'utf-8',
  'x-unknown': 'utf-8',
  '8bit': 'utf-8',
  cp932: 'shift_jis',
  'x-sjis': 'shift_jis',
  cp936: 'gbk',
  'gb2312-1980': 'gbk',
  cp949: 'euc-kr',
  eucjp: 'euc-jp',
  eucjpms: 'euc-jp',
  iso2022jp: 'iso-2022-jp',
  cp874: 'windows-874',
  cp950: 'big5',
};

/** Text of bytes in the charset of that name, in any case; of an unknown one, as if nobody had named it. Never throws. */
export function decodeCharset(bytes: Uint8Array, label: string): string {
  const name = label.trim().toLowerCase();
  if (LATIN.has(name)) return decodeWindows1252(bytes);
  // Most words are UTF-8, and a TextDecoder is dear to make.
  if (name === 'utf-8' || ALIASES[name] === 'utf-8') return bufferOf(bytes).toString('utf8');
  try {
    return new TextDecoder(ALIASES[name] ?? name).decode(bytes);
  } catch {
    return decodeUnlabelled(bytes);
  }
}

/** Text whose character set nobody named: UTF-8 if it can be that, otherwise windows-1252. */
export function decodeUnlabelled(bytes: Uint8Array): string {
  return isUtf8(bytes) ? bufferOf(bytes).toString('utf8') : decodeWindows1252(bytes);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function decodeWindows1252(bytes: Uint8Array): string {
  return bufferOf(bytes)
    .toString('latin1')
    .replace(/[\x80-\x9f]/g, (control) => WINDOWS_1252.charAt(control.charCodeAt(0) - 0x80));
}
