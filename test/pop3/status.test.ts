import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../src/errors.ts';
import { blamesCredentials, mayPass, parseStatus, quoted } from '../../src/pop3/status.ts';

const parse = (line: string) => parseStatus(Buffer.from(line, 'latin1'));

describe('status lines', () => {
  test.each([
    ['+OK', '+OK', undefined, ''],
    ['+OK 2 320', '+OK', undefined, '2 320'],
    ['+ok lower case', '+OK', undefined, 'lower case'],
    ['-ERR', '-ERR', undefined, ''],
    ['-err no', '-ERR', undefined, 'no'],
    [
      '-ERR [IN-USE] Do you have another POP session running?',
      '-ERR',
      'IN-USE',
      'Do you have another POP session running?',
    ],
    ['-ERR [sys/temp] later', '-ERR', 'SYS/TEMP', 'later'],
    ['-ERR [AUTH]', '-ERR', 'AUTH', ''],
    ['-ERR not [AUTH] here', '-ERR', undefined, 'not [AUTH] here'],
    ['-ERR [two words] x', '-ERR', undefined, '[two words] x'],
    ['+', '+', undefined, ''],
    ['+ ', '+', undefined, ''],
    ['+ PDE4OTY=', '+', undefined, 'PDE4OTY='],
  ])('%j', (line, indicator, code, text) => {
    expect(parse(line)).toEqual({ indicator, code, text });
  });

  test.each([
    '',
    ' +OK',
    'OK',
    '220 smtp.example.org ESMTP',
    '-ER',
    '+no',
    '+OKAY',
    '+OK\0',
    '-ERROR',
    '* OK IMAP',
    '\x16\x03\x01',
  ])('%j is none', (line) => {
    expect(() => parse(line)).toThrow(ProtocolError);
  });

  test('whatever comes, it is a status or a ProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          parseStatus(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  test('quoted words are cut and harmless', () => {
    expect(quoted('a\x1b[31mb\r\0')).toBe('"a\\x1b[31mb\\x0d\\x00"');
    expect(quoted('x'.repeat(1000))).toHaveLength(203);
  });
});

describe('what a refusal means (RFC 2449 8, RFC 3206)', () => {
  test.each([
    ['-ERR [IN-USE] x', true, false],
    ['-ERR [LOGIN-DELAY] x', true, false],
    ['-ERR [SYS/TEMP] x', true, false],
    ['-ERR [SYS/PERM] x', false, false],
    ['-ERR [AUTH] x', false, true],
    ['-ERR x', false, true],
    ['-ERR [UNKNOWN] x', false, true],
  ])('%s', (line, passing, credentials) => {
    expect(mayPass(parse(line))).toBe(passing);
    expect(blamesCredentials(parse(line))).toBe(credentials);
  });
});
