import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { decodeCharset } from '../../src/mime/charset.ts';
import { compose } from '../../src/mime/compose.ts';
import { charsetNamed, encodeCharset } from '../../src/mime/encode-charset.ts';
import { bytesSource } from '../../src/mime/source.ts';
import { collect } from '../feeds.ts';

/** Octets as other programs write them. */
const KNOWN: Readonly<Record<string, readonly [text: string, hex: string]>> = {
  'iso-8859-1': ['Größe ¿', '4772f6df6520bf'],
  'iso-8859-2': ['Łódź', 'a3f364bc'],
  'iso-8859-5': ['Мир', 'bcd8e0'],
  'iso-8859-9': ['İğ', 'ddf0'],
  'iso-8859-15': ['€ Œ', 'a420bc'],
  'windows-1252': ['€ “x”', '80209378' + '94'],
  'windows-1251': ['Мир', 'cce8f0'],
  'koi8-r': ['Мир', 'edc9d2'],
  gb2312: ['季度报告', 'bcbeb6c8b1a8b8e6'],
  gbk: ['報告', '88f3b8e6'],
  big5: ['報告十', 'b3f8a769a451'],
  shift_jis: ['報告ｱ', '95f18d90b1'],
  'euc-jp': ['報告', 'caf3b9f0'],
  'euc-kr': ['보고', 'bab8b0ed'],
};

describe('text in the charset', () => {
  it.each(Object.keys(KNOWN))('%s', (name) => {
    const [text, hex] = KNOWN[name] ?? ['', ''];
    expect(encodeCharset(text, name).toString('hex')).toBe(hex);
    const octets = encodeCharset(`${text}\nplain`, name);
    expect(decodeCharset(octets, name)).toBe(`${text}\nplain`);
  });

  it.each([
    ['us-ascii', 'é'],
    ['iso-8859-1', '€'],
    ['iso-8859-1', '\x80'],
    ['iso-8859-2', 'ß報'],
    ['gb2312', '報'],
    ['gb2312', '€'],
    ['gbk', '👍'],
    ['big5', '报'],
    ['shift_jis', '报'],
    ['koi8-r', '\ud800'],
    ['gbk', '\ue000'],
    ['windows-1252', '\ufffd'],
  ])('%s has no %j', (name, text) => {
    expect(() => encodeCharset(`a\nb${text}`, name)).toThrow(DataError);
    expect(() => encodeCharset(`a\nb${text}`, name)).toThrow('line 2 of the text');
  });

  it.each(['utf-16', 'utf-7', 'x', '', 'iso-8859-16', 'gb2312\r\nX: y', 'iso-8859-12', 'gb18030'])(
    '%j is unknown',
    (name) => {
      expect(() => charsetNamed(name)).toThrow(DataError);
    },
  );

  it('is known by other names', () => {
    expect(['UTF8', 'Latin1', 'GB2312', 'cp1252', 'ISO_8859-1', 'ISO8859-15'].map(charsetNamed)).toEqual([
      undefined,
      'iso-8859-1',
      'gb2312',
      'windows-1252',
      'iso-8859-1',
      'iso-8859-15',
    ]);
  });

  const from = { name: '', address: 'a@example.org' };
  const written = async (draft: object) =>
    (await collect(await compose({ from, to: [from], ...draft }))).toString();

  it('is said in the message, of each of its texts', async () => {
    const text = await written({
      text: bytesSource(Buffer.from('\ufeff您好')),
      html: '<p>您好',
      charset: 'GB2312',
    });
    expect(text).toContain(
      'Content-Type: text/plain; charset=gb2312\r\nContent-Transfer-Encoding: base64\r\n\r\nxPq6ww0K\r\n',
    );
    expect(text).toContain('Content-Type: text/html; charset=gb2312\r\n');
    expect(await written({ text: 'é and more that is plain', charset: 'latin1' })).toContain(
      'charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E9 and',
    );
    expect(await written({ text: 'plain', charset: 'koi8-r' })).toContain(
      'charset=koi8-r\r\nContent-Transfer-Encoding: 7bit',
    );
  });

  it('is no hindrance for the text made of a page, which may name other characters', async () => {
    const text = await written({ html: '<p>&euro;é', charset: 'iso-8859-1' });
    expect(text).toContain('Content-Type: text/plain; charset=utf-8\r\n');
    expect(text).toContain('Content-Type: text/html; charset=iso-8859-1\r\n');
    expect(await written({ html: '<p>é', charset: 'iso-8859-1' })).not.toContain('utf-8');
  });

  it('keeps a message that has other characters from being made', async () => {
    await expect(written({ text: '€', charset: 'iso-8859-1' })).rejects.toThrow(DataError);
    await expect(written({ text: 'x', html: '&euro;€', charset: 'iso-8859-1' })).rejects.toThrow('U+20AC');
  });
});

/** Characters that Python has another of the same look for, and a filler that it does not know. */
const SAME = '·—∥ㅤ－～￠￡￢';

describe.skipIf(spawnSync('python3', ['--version']).status !== 0)('Python', () => {
  it('reads every character that we write', () => {
    const all = Object.keys(KNOWN).concat(
      ['iso-8859-3', 'iso-8859-4', 'iso-8859-6', 'iso-8859-7', 'iso-8859-8', 'iso-8859-10', 'iso-8859-11'],
      ['iso-8859-13', 'iso-8859-14', 'windows-1250', 'windows-1254', 'windows-1255', 'windows-1256'],
      ['windows-1257', 'windows-1258', 'koi8-u', 'ibm866', 'macintosh', 'windows-874'],
    );
    const samples = all.map((name) => {
      const characters: string[] = [];
      for (let code = 0xa0; code < (name.match(/^(?:gb|big|shift|euc)/) ? 0x10000 : 0x2700); code++) {
        try {
          encodeCharset(String.fromCharCode(code), name);
          characters.push(String.fromCharCode(code));
        } catch {}
      }
      expect(characters.length).toBeGreaterThan(50);
      return [name, encodeCharset(characters.join('\n'), name).toString('base64'), characters.join('\n')];
    });
    const script = `
import base64, json, sys
same = '${SAME}'
wrong = {}
for name, octets, text in json.load(sys.stdin):
    codec = {'shift_jis': 'cp932', 'big5': 'cp950', 'euc-jp': 'euc_jp', 'euc-kr': 'euc-kr', 'macintosh': 'mac-roman', 'windows-874': 'cp874'}.get(name, name)
    got = base64.b64decode(octets).decode(codec, 'replace').split('\\n')
    bad = [(a, b) for a, b in zip(text.split('\\n'), got) if a != b and a not in same]
    if bad: wrong[name] = [len(bad), bad[:40]]
print(json.dumps(wrong))`;
    const run = spawnSync('python3', ['-c', script], {
      input: JSON.stringify(samples),
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    expect(JSON.parse(run.stdout)).toEqual({});
  });
});
