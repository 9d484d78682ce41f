import { describe, expect, test } from 'vitest';
import { AuthenticationError, DataError } from '../../src/errors.ts';
import type { ChannelBinding, Dialogue, MechanismContext } from '../../src/sasl/mechanism.ts';
import { saslprep } from '../../src/sasl/saslprep.ts';
import { scram } from '../../src/sasl/scram.ts';

const sha1 = scram('SCRAM-SHA-1', 'sha1', false);
const sha256 = scram('SCRAM-SHA-256', 'sha256', false);
const sha256Plus = scram('SCRAM-SHA-256-PLUS', 'sha256', true);

function context(nonce: string, more: Partial<MechanismContext> = {}): MechanismContext {
  return { service: 'smtp', host: 'mx', port: 25, offered: new Set(), nonce: () => nonce, ...more };
}
const text = (value: Uint8Array | undefined) => Buffer.from(value ?? '').toString();
const bytes = (value: string) => Buffer.from(value);

/** Says what the server says; gives what the client said, its last word included. */
function play(dialogue: Dialogue, ...server: string[]): string[] {
  const said = [text(dialogue.next().value)];
  for (const line of server) said.push(text(dialogue.next(bytes(line)).value));
  return said;
}

describe('the examples of the RFCs', () => {
  test('RFC 5802 5', () => {
    const dialogue = sha1.start(
      { username: 'user', password: 'pencil' },
      context('fyko+d2lbbFgONRv9qkxdawL'),
    );
    expect(
      play(
        dialogue,
        'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
        'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
      ),
    ).toEqual([
      'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
      'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      '',
    ]);
  });

  test('RFC 7677 3', () => {
    const dialogue = sha256.start({ username: 'user', password: 'pencil' }, context('rOprNGfwEbeRWgbNEkqO'));
    expect(
      play(
        dialogue,
        'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
        'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
      )[1],
    ).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    );
  });
});

describe('what a false server tries', () => {
  const start = () => {
    const dialogue = sha256.start({ username: 'user', password: 'pencil' }, context('abc'));
    dialogue.next();
    return dialogue;
  };
  test.each([
    ['a nonce that is not ours', 'r=xyz123,s=QSXCR+Q6sek8bf92,i=4096'],
    ['our nonce and nothing more', 'r=abc,s=QSXCR+Q6sek8bf92,i=4096'],
    ['too few iterations', 'r=abcd,s=QSXCR+Q6sek8bf92,i=4095'],
    ['ten million iterations', 'r=abcd,s=QSXCR+Q6sek8bf92,i=10000000'],
    ['iterations that are no number', 'r=abcd,s=QSXCR+Q6sek8bf92,i=1e5'],
    ['no salt', 'r=abcd,i=4096'],
    ['an extension', 'm=ext,r=abcd,s=QSXCR+Q6sek8bf92,i=4096'],
    ['nothing', ''],
  ])('%s', (_, serverFirst) => {
    expect(() => start().next(bytes(serverFirst))).toThrow(AuthenticationError);
  });

  test.each(['v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=', 'v=', '', 'x=1', 'e=invalid-proof'])(
    'the signature %j',
    (serverFinal) => {
      const dialogue = start();
      dialogue.next(bytes('r=abcd,s=QSXCR+Q6sek8bf92,i=4096'));
      expect(() => dialogue.next(bytes(serverFinal))).toThrow(AuthenticationError);
    },
  );
});

describe('channel binding', () => {
  const channelBinding: ChannelBinding = { type: 'tls-exporter', data: Uint8Array.of(1, 2, 3) };
  const header = (mechanism: typeof sha256, more: Partial<MechanismContext>) =>
    text(mechanism.start({ username: 'u', password: 'p' }, context('n', more)).next().value).split(',')[0];

  test('the flag is honest', () => {
    expect(header(sha256Plus, { channelBinding })).toBe('p=tls-exporter');
    expect(header(sha256, {})).toBe('n');
    expect(
      header(sha256, { channelBinding, offered: new Set(['SCRAM-SHA-256', 'SCRAM-SHA-512-PLUS']) }),
    ).toBe('n');
    expect(header(sha256, { channelBinding, offered: new Set(['SCRAM-SHA-256']) })).toBe('y');
    expect(
      header(sha256, { channelBinding, offered: new Set(['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS']) }),
    ).toBe('n');
  });

  test('the bound octets go with the proof', () => {
    const dialogue = sha256Plus.start({ username: 'u', password: 'p' }, context('n', { channelBinding }));
    dialogue.next();
    const final = text(dialogue.next(bytes('r=nm,s=QSXCR+Q6sek8bf92,i=4096')).value);
    const sent = Buffer.from(/^c=([^,]*)/.exec(final)?.[1] ?? '', 'base64');
    expect(sent.equals(Buffer.concat([bytes('p=tls-exporter,,'), Uint8Array.of(1, 2, 3)]))).toBe(true);
  });

  test('-PLUS without TLS is not begun', () => {
    expect(() => sha256Plus.start({ username: 'u', password: 'p' }, context('n')).next()).toThrow(
      AuthenticationError,
    );
  });
});

test('names with = and , are escaped', () => {
  const dialogue = sha256.start({ username: 'a=b,c', password: 'p', authorizationId: 'x,y' }, context('n'));
  expect(text(dialogue.next().value)).toBe('n,a=x=2Cy,n=a=3Db=2Cc,r=n');
});

describe('SASLprep', () => {
  // RFC 4013 3
  test.each([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['e\u0301', '\u00e9'],
    ['\u05d0\u05d1', '\u05d0\u05d1'],
  ])('%j becomes %j', (input, output) => {
    expect(saslprep(input)).toBe(output);
  });

  test.each(['\u0007', '\u06271', 'a\u0627', '\u200e\u00e9', '\ud800\u00e9', '\ue000'])(
    '%j is refused',
    (input) => {
      expect(() => saslprep(input)).toThrow(DataError);
    },
  );
});
