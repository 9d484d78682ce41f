import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeQuotedPrintable, encodeQuotedPrintable } from '../../src/codec/quoted-printable.ts';

const encode = (text: string) => encodeQuotedPrintable(Buffer.from(text, 'utf8')).toString('latin1');
const decode = (text: string) => decodeQuotedPrintable(Buffer.from(text, 'latin1')).toString('latin1');

const octets = fc.uint8Array({ maxLength: 400 });
/** Text full of what matters: blanks before line ends, lone CR and LF, `=`, dots, "From ". */
const awkward = fc
  .array(
    fc.constantFrom(' ', '\t', '\r', '\n', '\r\n', '=', '.', 'From ', 'a', 'é', '=20', 'x'.repeat(37), '\0'),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'utf8'));

describe('encodeQuotedPrintable', () => {
  it.each([
    ['', ''],
    ['plain text\r\n', 'plain text\r\n'],
    ['1 + 1 = 2', '1 + 1 =3D 2'],
    ['Grüße', 'Gr=C3=BC=C3=9Fe'],
    ['blank \r\ntab\t\r\n', 'blank=20\r\ntab=09\r\n'],
    ['end ', 'end=20'],
    ['a\rb\nc', 'a=0Db=0Ac'],
    ['a\r\r\nb', 'a=0D\r\nb'],
    ['.\r\n.x', '=2E\r\n=2Ex'],
    ['a.b', 'a.b'],
    ['From me\r\nFromage\r\n>From me', '=46rom me\r\nFromage\r\n>From me'],
    ['\0\x7f\x1b', '=00=7F=1B'],
  ])('encodes %j as %j', (plain, encoded) => {
    expect(encode(plain)).toBe(encoded);
    expect(decode(encoded)).toBe(Buffer.from(plain, 'utf8').toString('latin1'));
  });

  it.each([
    [`${'x'.repeat(76)}\r\n`, `${'x'.repeat(76)}\r\n`],
    ['x'.repeat(77), `${'x'.repeat(75)}=\r\nxx`],
    [`${'x'.repeat(75)}=`, `${'x'.repeat(75)}=\r\n=3D`],
    [`${'x'.repeat(73)}=`, `${'x'.repeat(73)}=3D`],
    [`${'x'.repeat(73)}=y`, `${'x'.repeat(73)}=\r\n=3Dy`],
    [`${'x'.repeat(72)}=y`, `${'x'.repeat(72)}=3Dy`],
    [`${'x'.repeat(75)} \r\n`, `${'x'.repeat(75)}=\r\n=20\r\n`],
    // A soft break must not leave a dot or a "From " at the start of a line.
    [`${'x'.repeat(75)}.y`, `${'x'.repeat(75)}=\r\n=2Ey`],
    [`${'x'.repeat(75)}From y`, `${'x'.repeat(75)}=\r\n=46rom y`],
  ])('breaks %j softly', (plain, encoded) => {
    expect(encode(plain)).toBe(encoded);
  });

  it('keeps to RFC 2045 6.7 for any octets, and comes back the same', () => {
    fc.assert(
      fc.property(fc.oneof(octets, awkward), (bytes) => {
        const text = encodeQuotedPrintable(bytes).toString('latin1');
        expect(text).toMatch(/^[\t\x20-\x7e\r\n]*$/);
        const lines = text.split('\r\n');
        for (const line of lines) {
          expect(line).not.toMatch(/[\r\n]/);
          expect(line.length).toBeLessThanOrEqual(76);
          expect(line).not.toMatch(/[ \t]$/);
          expect(line).not.toMatch(/^(?:\.|From )/);
          expect(line).not.toMatch(/=(?![0-9A-F]{2}|$)/);
        }
        expect(decodeQuotedPrintable(Buffer.from(text, 'latin1')).equals(bytes)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('has room for the longest encoding', () => {
    for (const pattern of ['é', `${'x'.repeat(73)}=`, 'xé', ' \r\n', 'xx=', `${'x'.repeat(75)}.`]) {
      const bytes = Buffer.from(pattern.repeat(300), 'utf8');
      expect(decodeQuotedPrintable(encodeQuotedPrintable(bytes)).equals(bytes)).toBe(true);
    }
  });
});

describe('decodeQuotedPrintable', () => {
  it.each([
    ['a=\r\nb', 'ab'],
    ['a=\nb', 'ab'],
    ['a= \t\r\nb', 'ab'],
    ['a=', 'a'],
    ['a=  ', 'a'],
    ['=e4=E4', '\xe4\xe4'],
    ['=G1=1', '=G1=1'],
    ['==41', '=A'],
    ['a \t\r\nb \nc ', 'a\r\nb\nc'],
    ['a  b', 'a  b'],
    ['\xe9=\x80', '\xe9=\x80'],
    ['a=\rb', 'a=\rb'],
  ])('reads %j as %j', (text, plain) => {
    expect(decode(text)).toBe(plain);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(octets, awkward), (bytes) => {
        expect(decodeQuotedPrintable(bytes).length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  it('takes time in proportion to the length of a run of blanks', () => {
    // A walk to the end of the run from each blank would be 10^12 steps.
    const text = Buffer.alloc(1_000_000, ' ');
    text[text.length - 1] = 0x78;
    expect(decodeQuotedPrintable(text)).toHaveLength(text.length);
    const tried = Buffer.concat([Buffer.from('='), text]);
    expect(decodeQuotedPrintable(tried)).toHaveLength(tried.length);
  });
});

describe('the quopri module of Python', () => {
  const python = (code: string, input = '') =>
    spawnSync('python3', ['-c', code], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  const missing = python('').status !== 0;

  it.skipIf(missing)('reads what is written here', () => {
    const texts = fc.sample(fc.oneof(awkward, octets), 300).map((text) => Buffer.from(text).toString('hex'));
    const { stdout } = python(
      'import json, quopri, sys\n' +
        'print(json.dumps([quopri.decodestring(bytes.fromhex(text)).hex() for text in json.load(sys.stdin)]))',
      JSON.stringify(texts.map((text) => encodeQuotedPrintable(Buffer.from(text, 'hex')).toString('hex'))),
    );
    expect(JSON.parse(stdout)).toEqual(texts);
  });
});
