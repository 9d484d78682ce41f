/** Text to bytes of a named character set, for readers that know no UTF-8. */
import { DataError } from '../errors.ts';
import { decodeCharset } from './charset.ts';

interface Charset {
  /** As in the message. */
  readonly name: string;
  /** What `decodeCharset` knows it by. */
  readonly decoder: string;
  /** The first octets of two that are looked at; a charset without them has one octet to a character. */
  readonly lead?: readonly [number, number];
  readonly trail?: readonly [number, number];
  /** Single octets from here on are characters, too. */
  readonly single?: number;
  /** Two octets that the decoder takes although they are not in the standard: other readers may not. */
  readonly added?: (first: number, second: number) => boolean;
}

const BY_NAME: readonly Charset[] = [
  { name: 'us-ascii', decoder: 'us-ascii', single: 0x100 },
  // What lies below A0 are controls, and read as something else by most.
  ...[1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15].map((part) => iso8859(part, `iso-8859-${part}`)),
  iso8859(9, 'windows-1254'),
  iso8859(11, 'windows-874'),
  ...['windows-874', 'koi8-r', 'koi8-u', 'macintosh', 'ibm866'].map((name) => ({
    name,
    decoder: name,
    single: 0x80,
  })),
  ...[1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258].map((page) => {
    return { name: `windows-${page}`, decoder: `windows-${page}`, single: 0x80 };
  }),
  // As strict as its name: gbk holds more, and a reader that knows only gb2312 would stumble.
  {
    name: 'gb2312',
    decoder: 'gbk',
    lead: [0xa1, 0xf7],
    trail: [0xa1, 0xfe],
    added: (first, second) =>
      (first === 0xa2 && second <= 0xaa) ||
      (first === 0xa6 && second >= 0xe0) ||
      (first === 0xa8 && second >= 0xbb && second <= 0xc0),
  },
  { name: 'gbk', decoder: 'gbk', lead: [0x81, 0xfe], trail: [0x40, 0xfe] },
  { name: 'big5', decoder: 'big5', lead: [0xa1, 0xf9], trail: [0x40, 0xfe] },
  { name: 'euc-kr', decoder: 'euc-kr', lead: [0xa1, 0xfe], trail: [0xa1, 0xfe] },
  {
    name: 'euc-jp',
    decoder: 'euc-jp',
    lead: [0xa1, 0xf4],
    trail: [0xa1, 0xfe],
    added: (first) => first === 0xad,
  },
  { name: 'shift_jis', decoder: 'shift_jis', lead: [0x81, 0xfc], trail: [0x40, 0xfc], single: 0xa0 },
];

const OTHER_NAMES: Readonly<Record<string, string>> = {
  ascii: 'us-ascii',
  latin1: 'iso-8859-1',
  'gb_2312-80': 'gb2312',
  cp936: 'gbk',
  sjis: 'shift_jis',
  'shift-jis': 'shift_jis',
  'ks_c_5601-1987': 'euc-kr',
};

function iso8859(part: number, decoder: string): Charset {
  return { name: `iso-8859-${part}`, decoder, single: 0xa0 };
}

type Table = ReadonlyMap<string, Uint8Array>;
const tables = new Map<string, Table>();

/** The name of a charset as it stands in a message; undefined for UTF-8. `DataError` for one that texts cannot be encoded in. */
export function charsetNamed(label: string): string | undefined {
  const name = label.toLowerCase();
  if (name === 'utf-8' || name === 'utf8') return undefined;
  const plain =
    OTHER_NAMES[name] ?? name.replace(/^cp-?(?=125)/, 'windows-').replace(/^iso_?8859/, 'iso-8859');
  if (BY_NAME.some((charset) => charset.name === plain)) return plain;
  throw new DataError(`not a charset that texts can be encoded in: ${JSON.stringify(label.slice(0, 60))}`, {
    stage: 'compose',
    hint: `utf-8, or one of ${BY_NAME.map((charset) => charset.name).join(', ')}`,
  });
}

/**
 * Text as octets of the charset of that name, as `charsetNamed` gives it. A character that is not in it is a `DataError`: a
 * question mark in its place would be another text.
 */
export function encodeCharset(text: string, name: string): Buffer {
  const table = tables.get(name) ?? tableOf(name);
  const out = Buffer.allocUnsafe(text.length * 2);
  let at = 0;
  let line = 1;
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (code < 0x80) {
      if (code === 0x0a) line++;
      out[at++] = code;
      continue;
    }
    const octets = table.get(character);
    if (octets === undefined) {
      const number = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
      throw new DataError(`line ${line} of the text has a character that is not in ${name}: ${number}`, {
        stage: 'compose',
        hint: 'leave --charset out: UTF-8 has every character',
      });
    }
    for (const octet of octets) out[at++] = octet;
  }
  return out.subarray(0, at);
}

/** Made once of what the decoder says, in a few milliseconds for the largest. */
function tableOf(name: string): Table {
  const charset = BY_NAME.find((each) => each.name === name);
  const table = new Map<string, Uint8Array>();
  if (charset === undefined) throw new TypeError(`no table for ${name}`);
  const { decoder, lead, trail, single = 0x100, added = () => false } = charset;
  // Some characters are there twice, and the first is the usual one, but for these of big5.
  const add = (character: string, ...octets: number[]) => {
    const last = name === 'big5' && '\u2550\u255e\u2561\u256a\u5341\u5345'.includes(character);
    if (isMapped(character) && (last || !table.has(character))) table.set(character, Uint8Array.from(octets));
  };
  for (let octet = single; octet <= 0xff; octet++) add(decodeCharset(Uint8Array.of(octet), decoder), octet);
  for (let first = lead?.[0] ?? 0x100; first <= (lead?.[1] ?? 0); first++) {
    const seconds: number[] = [];
    for (let second = trail?.[0] ?? 0; second <= (trail?.[1] ?? 0); second++) {
      if (!added(first, second)) seconds.push(second);
    }
    // A line end is no second octet of any: what cannot be read does not swallow what follows.
    const row = decodeCharset(Buffer.from(seconds.flatMap((second) => [first, second, 0x0a])), decoder);
    for (const [index, character] of row.split('\n').entries()) add(character, first, seconds[index] ?? 0);
  }
  tables.set(name, table);
  return table;
}

/** One character, and none that everybody may give a meaning of his own. */
function isMapped(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  const isOne = character.length === (code > 0xffff ? 2 : 1);
  return isOne && code >= 0xa0 && code !== 0xfffd && !(code >= 0xe000 && code <= 0xf8ff);
}
