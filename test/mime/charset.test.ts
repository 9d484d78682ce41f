import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { decodeCharset, decodeLabelled } from '../../src/mime/charset.ts';
import { noPython } from './python.ts';

const hex = (octets: string) => Buffer.from(octets, 'hex');

/** What each label is to Python, which has its tables from elsewhere. */
const CODECS: Readonly<Record<string, readonly [codec: string, sample: string]>> = {
  'windows-1252': ['cp1252', '€ “ ” ’ – ä'],
  'cp-1252': ['cp1252', '€ “ ” ’'],
  'x-ansi': ['cp1252', 'ä'],
  'iso-8859-1': ['latin-1', 'Größe ÿ'],
  ISO_8859_1: ['latin-1', 'é'],
  'latin-1': ['latin-1', 'é'],
  'iso-8859-2': ['iso8859-2', 'Łódź'],
  'iso8859-15': ['iso8859-15', '€ œ'],
  'iso-8859-16': ['iso8859-16', 'șț €'],
  'iso-8859-11': ['iso8859-11', 'ไทย'],
  'windows-1250': ['cp1250', 'Łódź €'],
  cp1251: ['cp1251', 'Мир'],
  'win-1251': ['cp1251', 'Мир'],
  'windows-1255': ['cp1255', 'שלום'],
  'windows-1256': ['cp1256', 'سلام'],
  cp874: ['cp874', 'ไทย'],
  'tis-620': ['tis-620', 'ไทย'],
  'koi8-r': ['koi8-r', 'Мир'],
  'koi8-u': ['koi8-u', 'Київ ї'],
  ibm866: ['cp866', 'Мир ░'],
  cp850: ['cp850', 'Größe ı'],
  ibm437: ['cp437', 'Größe ▓'],
  'x-mac-roman': ['mac-roman', 'Größe'],
  cp932: ['cp932', '髙 報告 ｱ ～'],
  'windows-31j': ['cp932', '報告'],
  Shift_JIS: ['shift_jis', '報告'],
  eucjp: ['euc-jp', '報告'],
  'x-euc-jp': ['euc-jp', '報告'],
  iso2022jp: ['iso2022-jp', '報告 plain 報'],
  'iso-2022-jp-2': ['iso2022-jp', '報告'],
  gb2312: ['gb2312', '季度报告'],
  cp936: ['gbk', '報告'],
  gb18030: ['gb18030', '报告 😀'],
  big5: ['big5', '報告'],
  'big5-hkscs': ['big5hkscs', '報告'],
  cp949: ['cp949', '보고 똠'],
  'ks_c_5601-1987': ['cp949', '보고'],
  'euc-kr': ['euc-kr', '보고'],
  'iso-2022-kr': ['iso2022-kr', '보고 plain 서'],
  'hz-gb-2312': ['hz', '报告 plain ~ 报'],
  'utf-7': ['utf-7', 'Hi – 報告 + 😀.'],
  'unicode-1-1-utf-7': ['utf-7', 'é'],
  'utf-16': ['utf-16', 'Größe 報告'],
  'utf-16le': ['utf-16-le', 'Größe'],
  'utf-16be': ['utf-16-be', 'Größe'],
  'utf-32': ['utf-32', 'Größe 😀'],
  'utf-32be': ['utf-32-be', 'Größe'],
  'utf-32le': ['utf-32-le', 'Größe'],
  unicode: ['utf-8', 'Größe 報告'],
  utf8: ['utf-8', 'Größe'],
  'x-utf-8': ['utf-8', 'Größe'],
};

describe.skipIf(noPython)('what Python wrote', () => {
  const script =
    'import sys, json; print(json.dumps({k: v[1].encode(v[0]).hex() for k, v in json.load(sys.stdin).items()}))';
  const { stdout } = spawnSync('python3', ['-c', script], { input: JSON.stringify(CODECS) });
  const written = JSON.parse(stdout.toString()) as Record<string, string>;
  it.each(Object.entries(CODECS))('%s', (label, [, text]) => {
    expect(decodeLabelled(hex(written[label] ?? ''), label)).toEqual({ text, guessed: false });
    expect(decodeCharset(hex(written[label] ?? ''), ` ${label.toUpperCase()} `)).toBe(text);
  });
});

describe('without a charset that is true', () => {
  it.each([
    ['x-unknown', '47c3b6', 'Gö', true],
    ['8bit', '47f6', 'Gö', true],
    ['', '47', 'G', false],
    ['no-such-charset', '80', '€', true],
    ['\u0000"', '4780', 'G€', true],
    ['us-ascii', '4780', 'G€', true],
    ['us-ascii', 'c3b6', 'ö', true],
    ['utf-8', '47f62047', 'Gö G', true],
    ['utf-8', 'c3b620f620', 'ö \ufffd ', true],
    ['utf-8', 'efbbbf47', 'G', false],
    ['unicode', 'fffe4700', 'G', false],
    ['unicode', '00470048', 'GH', false],
    ['unicode', '47f6', 'Gö', true],
    ['utf-16', '47004800', 'GH', false],
    ['utf-16', '00470048', 'GH', false],
    ['utf-32', '0000004700110000', 'G\ufffd', false],
    ['utf-7', '2b2d2b2441', '+$A', false],
    ['utf-7', '2b324430', '\ufffd', false],
    ['utf-7', 'e4', '\ufffd', false],
    ['hz', '7e7b3c', '\ufffd', false],
    ['cp949', 'b0a1c652', '가힣', false],
    ['euc-kr', 'b0a18141ff41', '가갂\ufffdA', false],
  ])('%j of %s is %j', (label, octets, text, guessed) => {
    expect(decodeLabelled(hex(octets), label)).toEqual({ text, guessed });
  });
});

it.skipIf(noPython)('every pair of code page 949', () => {
  const script = `
import sys
for a in range(0x81, 0xff):
    for b in range(0x41, 0xff):
        try:
            if len(bytes([a, b]).decode('cp949')) == 1: sys.stdout.buffer.write(bytes([a, b]))
        except UnicodeDecodeError: pass
`;
  const { stdout: octets } = spawnSync('python3', ['-c', script]);
  const { stdout: text } = spawnSync(
    'python3',
    ['-c', "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read().decode('cp949').encode())"],
    { input: octets },
  );
  expect(octets.length).toBe(2 * 17_048);
  expect(decodeCharset(octets, 'ks_c_5601-1987') === text.toString()).toBe(true);
});
