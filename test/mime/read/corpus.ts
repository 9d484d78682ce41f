import { encodeCharset } from '../../../src/mime/encode-charset.ts';
import { broken } from './broken.ts';
import { multipart } from './parts.ts';

/** One message with a name that tells what is in it. */
export interface Sample {
  readonly name: string;
  readonly octets: Buffer;
}

/** The same numbers on each run. */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Charsets with a text in them; where there is no encoder here, with its octets. */
const CHARSETS: readonly (readonly [label: string, text: string, octets?: string])[] = [
  ['us-ascii', 'plain'],
  ['utf-8', 'Größe 報告 😀', '4772c3b6c39f6520e5a0b1e5918a20f09f9880'],
  ['UTF8', 'é', 'c3a9'],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15].map(
    (part) =>
      [
        `iso-8859-${part}`,
        [
          '',
          'Größe',
          'Łódź',
          'ĉĝ',
          'Ķē',
          'Мир',
          'سلام',
          'Αθήνα',
          'שלום',
          'ığ',
          'Đŋ',
          '',
          '',
          'Žė',
          'Ŵŷ',
          '€ œ',
        ][part] ?? '',
      ] as const,
  ),
  ...[
    ['windows-1250', 'Łódź €'],
    ['windows-1251', 'Мир'],
    ['windows-1252', '€ “x” – ’'],
    ['windows-1253', 'Αθήνα'],
    ['windows-1254', 'ığ'],
    ['windows-1255', 'שלום'],
    ['windows-1256', 'سلام'],
    ['windows-1257', 'Žė'],
    ['windows-1258', 'ăđ'],
    ['windows-874', 'ไทย'],
    ['koi8-r', 'Мир'],
    ['koi8-u', 'Київ'],
    ['ibm866', 'Мир'],
    ['gb2312', '季度报告'],
    ['gbk', '報告'],
    ['big5', '報告'],
    ['shift_jis', '報告ｱ'],
    ['euc-jp', '報告'],
    ['euc-kr', '보고'],
  ].map(([label = '', text = '']) => [label, text] as const),
  ['macintosh', 'Größe'],
  ['cp932', '髙', 'fbfc'],
  ['eucjp', '報告', 'caf3b9f0'],
  ['iso2022jp', '報告', '1b24424a7339701b2842'],
  ['iso-2022-jp', '報告 x', '1b24424a7339701b284220 78'.replace(' ', '')],
  ['cp949', '똠', '8c63'],
  ['ks_c_5601-1987', '보고', 'bab8b0ed'],
  ['cp874', 'ไทย', 'e4b7c2'],
  ['cp-1252', '€', '80'],
  ['latin1', 'é', 'e9'],
  ['cp850', 'Größe', '4772 94e165'.replace(' ', '')],
  ['ibm437', 'Größe', '477294e165'],
  ['utf-7', 'é+報', '2b414f6b2d2b2d2b57 4545 2d'.replaceAll(' ', '')],
  ['hz-gb-2312', '报告', '7e7b31283865 7e7d'.replace(' ', '')],
  ['iso-2022-kr', '보고', '1b2429430e3a38306d0f'],
  ['gb18030', '😀', '9439fc36'],
  ['utf-16', 'é', 'fffee900'],
  ['utf-16le', 'éa', 'e9006100'],
  ['utf-32', 'é', 'fffe0000e9000000'],
  ['unicode', 'é', 'c3a9'],
  ['x-unknown', 'é', 'c3a9'],
  ['8bit', 'é', 'e9'],
  ['x-no-such', 'é', 'e9'],
];

const HEAD =
  'From: "Sender, A" <a@example.org>\r\nTo: b@example.org, C <c@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n';

function charsets(): Sample[] {
  return CHARSETS.flatMap(([label, text, hex]) => {
    const octets = hex === undefined ? encodeCharset(text, label) : Buffer.from(hex, 'hex');
    const quoted = [...octets]
      .map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`)
      .join('');
    const percent = quoted.replaceAll('=', '%');
    const base64 = octets.toString('base64');
    const type = `Content-Type: text/plain; charset="${label}"\r\n`;
    const message = (name: string, head: string, body: Buffer): Sample => ({
      name: `${label}: ${name}`,
      octets: Buffer.concat([Buffer.from(`${HEAD}${head}\r\n`), body]),
    });
    return [
      message('8bit', `Subject: x\r\n${type}Content-Transfer-Encoding: 8bit\r\n`, octets),
      message(
        'base64',
        `Subject: =?${label}?B?${base64}?=\r\n${type}Content-Transfer-Encoding: base64\r\n`,
        Buffer.from(`${base64}\r\n`),
      ),
      message(
        'quoted-printable',
        `Subject: a =?${label}?Q?${quoted}?= b\r\n${type}Content-Transfer-Encoding: quoted-printable\r\n`,
        Buffer.from(quoted),
      ),
      message('file name', 'Subject: x\r\n', Buffer.alloc(0)),
    ].map((sample, index) =>
      index < 3
        ? sample
        : {
            name: sample.name,
            octets: Buffer.from(
              `${HEAD}Subject: x\r\n${multipart('mixed', 'b', 'Content-Type: text/plain\r\n\r\nx', `Content-Type: application/x-y\r\nContent-Disposition: attachment; filename*=${label}''${percent}\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC`)}`,
            ),
          },
    );
  });
}

const WORDS = [
  'alpha',
  'Größe',
  '報告',
  '=?',
  '€',
  'https://example.org/a',
  '"quoted"',
  '.',
  'From here',
  '--b0',
  ' ',
  '😀',
];

/** Trees of parts as good mailers make them. */
function trees(count: number): Sample[] {
  const random = seeded(20_261_121);
  const text = () =>
    Array.from({ length: 1 + random(30) }, () => WORDS[random(WORDS.length)] ?? '').join(
      [' ', '\r\n'][random(2)],
    );
  const encoded = (octets: Buffer): string => {
    const way = random(2);
    if (way === 0)
      return `Content-Transfer-Encoding: base64\r\n\r\n${octets.toString('base64').replace(/.{76}/g, '$&\r\n')}`;
    const quoted = octets.toString('latin1').replace(/[^\x21-\x3c\x3e-\x7e]/g, (octet) => {
      return `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
    });
    return `Content-Transfer-Encoding: quoted-printable\r\n\r\n${quoted.replace(/(?:=..|[^=]){1,24}/g, '$&=\r\n').replace(/=\r\n$/, '')}`;
  };
  const file = (): string => {
    const octets = Buffer.from(Array.from({ length: random(300) }, () => random(256)));
    return `Content-Type: application/octet-stream; name="f${random(100)}.bin"\r\nContent-Disposition: attachment; filename="f.bin"\r\n${encoded(octets)}`;
  };
  const leaf = (kind: string): string =>
    `Content-Type: text/${kind}; charset=utf-8\r\n${encoded(Buffer.from(text()))}`;
  let boundaries = 0;
  const many = (type: string, ...parts: readonly string[]) => multipart(type, `=_${++boundaries}`, ...parts);
  const body = (): string => {
    const way = random(4);
    if (way === 0) return leaf('plain');
    if (way === 1) return many('alternative', leaf('plain'), leaf('html'));
    if (way === 2)
      return many(
        'alternative',
        leaf('plain'),
        many('related', leaf('html'), `Content-ID: <i@x>\r\n${file()}`),
      );
    return many('related', leaf('html'), file());
  };
  return Array.from({ length: count }, (_, index) => {
    const files = Array.from({ length: random(4) }, file);
    let tree = files.length === 0 ? body() : many('mixed', body(), ...files);
    for (let depth = random(4); depth > 0; depth--) tree = many('mixed', tree, file());
    return { name: `tree ${index}`, octets: Buffer.from(`${HEAD}Subject: tree\r\n${tree}`) };
  });
}

const HEADERS: Readonly<Record<string, string>> = {
  'cut inside a character': 'Subject: =?utf-8?b?5aCx5Q==?= =?utf-8?b?kYo=?=',
  'cut in quoted': 'Subject: =?utf-8?q?=E5=A0?=\r\n =?utf-8?q?=B1?=',
  'blanks between words': 'Subject: =?utf-8?q?a?=   =?utf-8?q?b?= c  =?utf-8?q?d?=',
  'two charsets': 'Subject: =?utf-8?q?=C3=A9?= =?iso-8859-1?q?=E9?=',
  'a language': 'Subject: =?utf-8*en?q?x=20y?=',
  underscores: 'Subject: =?utf-8?Q?a_b=5Fc?=',
  'no word': 'Subject: =?utf-8?x?abc?= =?broken',
  'raw UTF-8': 'Subject: Größe',
  folded: 'Subject: a\r\n b\r\n\tc',
  'folded to nothing': 'Subject:\r\n x',
  empty: 'Subject:',
  'two subjects': 'Subject: one\r\nX: y',
  'name in words': 'To: =?utf-8?q?J=C3=B6rg=2C_X?= <j@example.org>',
  'name in quotes': 'To: "A, B \\"C\\"" <a@example.org>, b@example.org',
  'comma in a word': 'Cc: =?utf-8?q?a=2Cb?= <a@example.org>, c@example.org',
  group: 'To: Team: a@example.org, B <b@example.org>;, c@example.org',
  'empty group': 'To: undisclosed-recipients:;',
  comment: 'To: a@example.org (A B)',
  'comment within': 'To: A (x) <a@example.org>',
  'literal domain': 'To: a@[192.0.2.1]',
  'quoted local part': 'To: "a b"@example.org',
  international: 'To: ü@example.org',
  'many addresses': `To: ${Array.from({ length: 200 }, (_, index) => `a${index}@example.org`).join(',\r\n ')}`,
  'folded name': 'To: =?utf-8?q?a?=\r\n =?utf-8?q?b?= <a@example.org>',
  'no space': 'Subject:x',
  'blank before the colon': 'Subject : x',
  'long word': `Subject: =?utf-8?q?${'a'.repeat(400)}?=`,
  'many words': `Subject: ${Array.from({ length: 300 }, () => '=?utf-8?b?w6k=?=').join('\r\n ')}`,
};

function headers(): Sample[] {
  return Object.entries(HEADERS).map(([name, field]) => ({
    name: `header: ${name}`,
    octets: Buffer.from(`From: a@example.org\r\n${field}\r\n\r\nx\r\n`),
  }));
}

/** More than 300 messages, the same on each run. */
export const corpus: readonly Sample[] = [...charsets(), ...trees(60), ...headers(), ...broken()];
