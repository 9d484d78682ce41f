/** Charsets of mail that `TextDecoder` does not know, or knows only on some versions of Node. Nothing here throws. */

import { asBuffer } from '../codec/octets.ts';

const REPLACEMENT = '\ufffd';
const ESCAPE = 0x1b;
const SHIFT_OUT = 0x0e;
const SHIFT_IN = 0x0f;
const TILDE = 0x7e;

/** What stands at the last octets of charsets of one octet to a character; below are ASCII, or controls. */
const TABLES: Readonly<Record<string, string>> = {
  cp437:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫' +
    '╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0',
  cp850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎ' +
    'Ï┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0',
  'iso-8859-16':
    '\u00a0ĄąŁ€„Š§š©Ș«Ź\u00adźŻ°±ČłŽ”¶·žčș»ŒœŸżÀÁÂĂÄĆÆÇÈÉÊËÌÍÎÏĐŃÒÓÔŐÖŚŰÙÚÛÜĘȚßàáâăäćæçèéêëìí' +
    'îïđńòóôőöśűùúûüęțÿ',
};

function decodeTable(bytes: Uint8Array, table: string): string {
  const first = 0x100 - table.length;
  return latin1(bytes).replace(/[\x80-\xff]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < first ? character : table.charAt(code - first);
  });
}

function latin1(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** RFC 2152. What is no base64 ends a shift; bits that make no whole character are dropped. */
function decodeUtf7(bytes: Uint8Array): string {
  const out: string[] = [];
  let shifted = false;
  let bits = 0;
  let held = 0;
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at] as number;
    const character = String.fromCharCode(octet);
    if (!shifted) {
      if (character === '+') {
        if (bytes[at + 1] === 0x2d) {
          out.push('+');
          at++;
        } else {
          shifted = true;
          bits = 0;
          held = 0;
        }
      } else out.push(octet < 0x80 ? character : REPLACEMENT);
      continue;
    }
    const digit = octet < 0x80 ? BASE64.indexOf(character) : -1;
    if (digit === -1) {
      shifted = false;
      if (character !== '-') at--;
      continue;
    }
    bits = ((bits << 6) | digit) & 0x3fffff;
    held += 6;
    if (held >= 16) {
      held -= 16;
      out.push(String.fromCharCode((bits >> held) & 0xffff));
    }
  }
  // Halves of surrogate pairs that stand alone are no characters.
  return Buffer.from(out.join(''), 'utf8').toString('utf8');
}

/** RFC 1843: GB 2312 between `~{` and `~}`. */
function decodeHz(bytes: Uint8Array): string {
  const out = Buffer.allocUnsafe(bytes.length);
  let to = 0;
  let double = false;
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at] as number;
    const next = bytes[at + 1];
    if (octet === TILDE && next === 0x7b && !double) double = true;
    else if (octet === TILDE && next === 0x7d && double) double = false;
    else if (octet === TILDE && next === TILDE && !double) out[to++] = TILDE;
    else if (!(octet === TILDE && next === 0x0a)) {
      // A line end ends the Chinese, too, where the mark for that is missing.
      if (octet === 0x0a) double = false;
      out[to++] = double && octet > 0x20 && octet < 0x7f ? octet | 0x80 : octet;
      continue;
    }
    at++;
  }
  return new TextDecoder('gbk').decode(out.subarray(0, to));
}

/** RFC 1557 and RFC 1922: the other set between SO and SI; designations are passed over, a line end ends it. */
function decodeShifted(bytes: Uint8Array, decoder: string): string {
  const out = Buffer.allocUnsafe(bytes.length);
  let to = 0;
  let double = false;
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at] as number;
    if (octet === ESCAPE && bytes[at + 1] === 0x24) {
      at += 3;
      continue;
    }
    if (octet === SHIFT_OUT || octet === SHIFT_IN) {
      double = octet === SHIFT_OUT;
      continue;
    }
    if (octet === 0x0a) double = false;
    out[to++] = double && octet > 0x20 && octet < 0x7f ? octet | 0x80 : octet;
  }
  return new TextDecoder(decoder).decode(out.subarray(0, to));
}

/** The syllables that KS X 1001 has no place for, in the order of their places in Microsoft's extension of EUC-KR. */
let extended: string | undefined;

function extendedSyllables(): string {
  if (extended !== undefined) return extended;
  const standard = Buffer.alloc(25 * 94 * 2);
  for (let place = 0; place < 25 * 94; place++) {
    standard[place * 2] = 0xb0 + Math.floor(place / 94);
    standard[place * 2 + 1] = 0xa1 + (place % 94);
  }
  const known = new Set(new TextDecoder('euc-kr').decode(standard));
  const rest: string[] = [];
  for (let code = 0xac00; code <= 0xd7a3; code++) {
    const syllable = String.fromCharCode(code);
    if (!known.has(syllable)) rest.push(syllable);
  }
  extended = rest.join('');
  return extended;
}

/** What two octets are that the standard does not have; undefined for others. */
function extendedKorean(first: number, second: number): string | undefined {
  if (first === 0xa2 && second === 0xe6) return '\u20ac';
  if (first === 0xa2 && second === 0xe7) return '\xae';
  const place = extendedPlace(first, second);
  return place === -1 ? undefined : extendedSyllables().charAt(place) || REPLACEMENT;
}

/** Where two octets stand in the extension; -1 where they do not. */
function extendedPlace(first: number, second: number): number {
  if (first < 0x81 || first > 0xc6) return -1;
  const column =
    second >= 0x41 && second <= 0x5a
      ? second - 0x41
      : second >= 0x61 && second <= 0x7a
        ? second - 0x61 + 26
        : second >= 0x81 && second <= (first <= 0xa0 ? 0xfe : 0xa0)
          ? second - 0x81 + 52
          : -1;
  if (column === -1) return -1;
  // From A1 on, the standard has the columns from A1 on.
  return first <= 0xa0 ? (first - 0x81) * 178 + column : 32 * 178 + (first - 0xa1) * 84 + column;
}

/** EUC-KR as it is used (code page 949); `TextDecoder` knows the standard's characters only. */
function decodeKorean(bytes: Uint8Array): string {
  const standard = new TextDecoder('euc-kr');
  const out: string[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length; at++) {
    const first = bytes[at] as number;
    if (first < 0x81) continue;
    const character = extendedKorean(first, bytes[at + 1] ?? 0);
    if (character !== undefined) {
      out.push(standard.decode(bytes.subarray(from, at)), character);
      from = at + 2;
    }
    if (character !== undefined || (bytes[at + 1] ?? 0) >= 0x80) at++;
  }
  out.push(standard.decode(bytes.subarray(from)));
  return out.join('');
}

function isLittle(bytes: Uint8Array, width: 2 | 4): boolean | undefined {
  if (width === 4 && bytes.length >= 4) {
    const first = Buffer.from(bytes.buffer, bytes.byteOffset, 4).toString('hex');
    if (first === 'fffe0000') return true;
    if (first === '0000feff') return false;
  }
  if (width === 2 && bytes[0] === 0xff && bytes[1] === 0xfe) return true;
  if (width === 2 && bytes[0] === 0xfe && bytes[1] === 0xff) return false;
  // ASCII, which is in most texts, has its zeros on one side.
  let high = 0;
  let low = 0;
  for (let at = 0; at + width <= Math.min(bytes.length, 4_096); at += width) {
    if (bytes[at] === 0 && bytes[at + width - 1] !== 0) high++;
    if (bytes[at] !== 0 && bytes[at + width - 1] === 0) low++;
  }
  return high === low ? undefined : low > high;
}

/** Whether the octets can hardly be anything but UTF-16. */
export function looksLikeUtf16(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes.length % 2 === 0 && isLittle(bytes, 2) !== undefined && bytes.includes(0);
}

/** UTF-16 by its byte order mark, or by where its zeros are, or as most write it. */
export function decodeUtf16(bytes: Uint8Array): string {
  return new TextDecoder((isLittle(bytes, 2) ?? true) ? 'utf-16le' : 'utf-16be').decode(bytes);
}

function decodeUtf32(bytes: Uint8Array, little = isLittle(bytes, 4) ?? false): string {
  const out: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const code = view.getUint32(at, little);
    if (at === 0 && code === 0xfeff) continue;
    const valid = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    out.push(valid ? String.fromCodePoint(code) : REPLACEMENT);
  }
  if (bytes.length % 4 !== 0) out.push(REPLACEMENT);
  return out.join('');
}

/** By names in small letters, without the blanks, dashes, dots and underscores that mailers put anywhere. */
let decoders: ReadonlyMap<string, (bytes: Uint8Array) => string> | undefined;

function byName(): ReadonlyMap<string, (bytes: Uint8Array) => string> {
  decoders ??= new Map([
    ...['utf7', 'unicode11utf7', 'csunicode11utf7', 'unicode20utf7'].map(
      (name) => [name, decodeUtf7] as const,
    ),
    ...['hz', 'hzgb2312'].map((name) => [name, decodeHz] as const),
    ...['iso2022kr', 'csiso2022kr', 'cp50225'].map(
      (name) => [name, (bytes: Uint8Array) => decodeShifted(bytes, 'euc-kr')] as const,
    ),
    ...['iso2022cn', 'iso2022cnext', 'cp50227', 'cp50229'].map(
      (name) => [name, (bytes: Uint8Array) => decodeShifted(bytes, 'gbk')] as const,
    ),
    ...[
      ...['euckr', 'cseuckr', 'cp949', 'ms949', 'windows949', 'uhc', 'cp1361', 'cp51949', 'cp20949'],
      ...['ksc5601', 'ksc56011987', 'ksc56011989', 'csksc56011987', 'korean', 'isoir149'],
    ].map((name) => [name, decodeKorean] as const),
    ...['utf16', 'ucs2', 'iso10646ucs2', 'csunicode'].map((name) => [name, decodeUtf16] as const),
    ...['utf32', 'ucs4', 'iso10646ucs4'].map(
      (name) => [name, (bytes: Uint8Array) => decodeUtf32(bytes)] as const,
    ),
    ['utf32le', (bytes: Uint8Array) => decodeUtf32(bytes, true)],
    ['utf32be', (bytes: Uint8Array) => decodeUtf32(bytes, false)],
    ...['cp437', 'ibm437', '437', 'cspc8codepage437'].map((name) => [name, table('cp437')] as const),
    ...['cp850', 'ibm850', '850', 'cspc850multilingual'].map((name) => [name, table('cp850')] as const),
    ...['cp858', 'ibm858', 'ibm00858', 'pcmultilingual850+euro'].map(
      (name) => [name, (bytes: Uint8Array) => table('cp850')(bytes).replaceAll('\u0131', '\u20ac')] as const,
    ),
    ...['iso885916', 'latin10', 'l10'].map((name) => [name, table('iso-8859-16')] as const),
  ]);
  return decoders;
}

function table(name: string): (bytes: Uint8Array) => string {
  return (bytes) => decodeTable(bytes, TABLES[name] ?? '');
}

/** Text of octets in one of these charsets; undefined for another. `name`: without blanks, dashes, dots, underscores. */
export function decodeRare(bytes: Uint8Array, name: string): string | undefined {
  return byName().get(name)?.(bytes);
}
