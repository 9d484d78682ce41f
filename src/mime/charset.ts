/** Bytes of a named character set to text, for reading what others wrote: never throws. */
import { isUtf8 } from 'node:buffer';
import { asBuffer } from '../codec/octets.ts';
import { decodeRare, decodeUtf16, looksLikeUtf16 } from './charset-rare.ts';

/** windows-1252 at 80 to 9F; `TextDecoder` of Node 20 gives C1 controls there. Undefined places keep their own number. */
const WINDOWS_1252 =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
  '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

/** The labels that are windows-1252 to a browser, and are so in mail, too (WHATWG Encoding 4.2); spelt as by `spelling`. */
const LATIN = new Set([
  'ansix341968',
  'ansix341986',
  'ascii',
  'cp1252',
  'cp367',
  'cp819',
  'csascii',
  'csisolatin1',
  'ibm367',
  'ibm819',
  'iso646us',
  'isoir100',
  'isoir6',
  'iso88591',
  'iso88591:1987',
  'l1',
  'latin1',
  'ms1252',
  'us',
  'usascii',
  'windows1252',
  'win1252',
  'ansi',
]);

const UTF_8 = new Set([
  'utf8',
  'utf8mb4',
  'unicode11utf8',
  'unicode20utf8',
  'cp65001',
  'windows65001',
  'cesu8',
]);

/** Names that say nothing. */
const NAMELESS = new Set([
  '',
  '7bit',
  '8bit',
  'binary',
  'default',
  'none',
  'unknown',
  'unknown8bit',
  'none7bit',
]);

/** Names that mailers use and `TextDecoder` does not know. */
const ALIASES: Readonly<Record<string, string>> = {
  mskanji: 'shift_jis',
  sjis: 'shift_jis',
  shiftjis: 'shift_jis',
  windows31j: 'shift_jis',
  eucjp: 'euc-jp',
  eucjpms: 'euc-jp',
  eucjpwin: 'euc-jp',
  iso2022jp: 'iso-2022-jp',
  iso2022jp1: 'iso-2022-jp',
  iso2022jp2: 'iso-2022-jp',
  iso2022jp3: 'iso-2022-jp',
  iso2022jpms: 'iso-2022-jp',
  jis: 'iso-2022-jp',
  junet: 'iso-2022-jp',
  gb2312: 'gbk',
  gb23121980: 'gbk',
  gb231280: 'gbk',
  euccn: 'gbk',
  big5eten: 'big5',
  big5hkscs: 'big5',
  tis620: 'windows-874',
  iso885911: 'windows-874',
  macroman: 'macintosh',
  mac: 'macintosh',
  maccyrillic: 'x-mac-cyrillic',
  koi8: 'koi8-r',
  koi8r: 'koi8-r',
  koi8u: 'koi8-u',
  iso88598i: 'iso-8859-8-i',
  iso88598e: 'iso-8859-8',
};

/** Microsoft's and IBM's numbers of what has another name. */
const CODE_PAGES: Readonly<Record<string, string>> = {
  '866': 'ibm866',
  '874': 'windows-874',
  '932': 'shift_jis',
  '936': 'gbk',
  '943': 'shift_jis',
  '950': 'big5',
  '10000': 'macintosh',
  '10007': 'x-mac-cyrillic',
  '20866': 'koi8-r',
  '20932': 'euc-jp',
  '20936': 'gbk',
  '21866': 'koi8-u',
  '28605': 'iso-8859-15',
  '50220': 'iso-2022-jp',
  '50221': 'iso-2022-jp',
  '50222': 'iso-2022-jp',
  '51932': 'euc-jp',
  '51936': 'gbk',
  '54936': 'gb18030',
};

/** Text, and whether its charset had to be guessed: its name is unknown, or cannot be true. */
export interface Decoded {
  readonly text: string;
  readonly guessed: boolean;
}

/** Text of bytes in the charset of that name, in any case; of an unknown one, as if nobody had named it. Never throws. */
export function decodeCharset(bytes: Uint8Array, label: string): string {
  return decodeLabelled(bytes, label).text;
}

/** The same with what there is to say of it. */
export function decodeLabelled(bytes: Uint8Array, label: string): Decoded {
  const lower = label.trim().toLowerCase();
  // Most text is UTF-8, and a TextDecoder is dear to make.
  if (lower === 'utf-8') return decodeUtf8(bytes);
  const name = spelling(lower);
  if (UTF_8.has(name)) return decodeUtf8(bytes);
  if (LATIN.has(name)) {
    // ASCII has no such octets: it was not known what it is.
    const isAscii = name.includes('ascii') || name.startsWith('ansix3');
    if (isAscii && isUtf8(bytes)) return { text: asBuffer(bytes).toString('utf8'), guessed: hasHigh(bytes) };
    return { text: decodeWindows1252(bytes), guessed: isAscii && hasHigh(bytes) };
  }
  if (name === 'unicode') return decodeUnicode(bytes);
  if (NAMELESS.has(name)) return { text: decodeUnlabelled(bytes), guessed: hasHigh(bytes) };
  const rare = decodeRare(bytes, name);
  if (rare !== undefined) return { text: rare, guessed: false };
  const decoder = decoderFor(lower, name);
  if (decoder === undefined) return { text: decodeUnlabelled(bytes), guessed: hasHigh(bytes) };
  return { text: decoder.decode(bytes), guessed: false };
}

/** A name without what mailers write differently: `x-`, dashes, dots, underscores, blanks. */
function spelling(lower: string): string {
  return lower
    .slice(0, 60)
    .replace(/^x-/, '')
    .replace(/[\s._-]+/g, '');
}

/** So many names that mean nothing are remembered. */
const REMEMBERED = 200;
type Decoder = InstanceType<typeof TextDecoder>;
const decoders = new Map<string, Decoder | undefined>();

/** A decoder, made once for each name: they keep nothing from one text to the next. */
function decoderFor(lower: string, name: string): Decoder | undefined {
  const known = decoders.get(lower);
  if (known !== undefined || decoders.has(lower)) return known;
  const [, page = ''] = /^(?:cp|windows|win|ms|ibm|codepage)?(\d{3,5})$/.exec(name) ?? [];
  const wanted =
    CODE_PAGES[page] ?? (page.length === 4 && page.startsWith('125') ? `windows-${page}` : undefined);
  const iso = /^iso8859(\d{1,2})(?::\d{4})?$/.exec(name)?.[1];
  const decoder = decoderOf(ALIASES[name] ?? wanted ?? (iso === undefined ? lower : `iso-8859-${iso}`));
  if (decoders.size < REMEMBERED) decoders.set(lower, decoder);
  return decoder;
}

function decoderOf(name: string): Decoder | undefined {
  try {
    return new TextDecoder(name);
  } catch {
    return undefined;
  }
}

/** What is said to be UTF-8 and has nothing of it is windows-1252; a few broken places are shown as such. */
function decodeUtf8(bytes: Uint8Array): Decoded {
  const text = asBuffer(bytes).toString('utf8');
  if (isUtf8(bytes)) return { text: text.startsWith('\ufeff') ? text.slice(1) : text, guessed: false };
  const isOther = !/[^\0-\x7f\ufffd]/.test(text) && !isUtf8(withoutCutEnds(bytes));
  return { text: isOther ? decodeWindows1252(bytes) : text, guessed: true };
}

/** Without the rests of characters at both ends: some mailers cut texts inside of them. */
function withoutCutEnds(bytes: Uint8Array): Uint8Array {
  let from = 0;
  let to = bytes.length;
  while (from < Math.min(3, to) && ((bytes[from] as number) & 0xc0) === 0x80) from++;
  for (let at = to - 1; at >= Math.max(from, to - 3); at--) {
    const octet = bytes[at] as number;
    if (octet < 0x80) break;
    if (octet >= 0xc0) to = at;
  }
  return bytes.subarray(from, to);
}

/** To mailers it means UTF-8, to Microsoft UTF-16. */
function decodeUnicode(bytes: Uint8Array): Decoded {
  const is16 = looksLikeUtf16(bytes) || /^(?:fffe|feff)/.test(asBuffer(bytes).toString('hex', 0, 2));
  return is16
    ? { text: decodeUtf16(bytes), guessed: false }
    : { text: decodeUnlabelled(bytes), guessed: !isUtf8(bytes) };
}

function hasHigh(bytes: Uint8Array): boolean {
  return bytes.some((octet) => octet >= 0x80);
}

/** Text whose character set nobody named: UTF-8 if it can be that, otherwise windows-1252. */
export function decodeUnlabelled(bytes: Uint8Array): string {
  return isUtf8(bytes) ? asBuffer(bytes).toString('utf8') : decodeWindows1252(bytes);
}

function decodeWindows1252(bytes: Uint8Array): string {
  return asBuffer(bytes)
    .toString('latin1')
    .replace(/[\x80-\x9f]/g, (control) => WINDOWS_1252.charAt(control.charCodeAt(0) - 0x80));
}
