import { describe, expect, test } from 'vitest';
import { MailError, ProtocolError } from '../../src/errors.ts';
import {
  apopTimestamp,
  CAPABILITY_LIMIT,
  capabilityLine,
  expiry,
  loginDelay,
  readCapabilities,
  saslMechanisms,
} from '../../src/pop3/capabilities.ts';
import { parseDropListing, ROW_LIMIT, readScanListing, readUniqueIdListing } from '../../src/pop3/listing.ts';
import { chunks, FEEDS, streamOf } from '../feeds.ts';

describe.each(FEEDS)('listings fed $name', ({ size }) => {
  const feed = (text: string) => streamOf(chunks(Buffer.from(text, 'latin1'), size));

  test('LIST: gaps, disorder, blanks, extra words', async () => {
    const rows = await readScanListing(feed('1 120\r\n3 200\r\n2  7\r\n 12\t9 extra\r\n'));
    expect(rows).toEqual([
      { number: 1, size: 120 },
      { number: 3, size: 200 },
      { number: 2, size: 7 },
      { number: 12, size: 9 },
    ]);
  });

  test('LIST: sizes that lie are 0 and stop nothing', async () => {
    const rows = await readScanListing(
      feed('1 -1\r\n2\r\n3 99999999999999999999\r\n4 abc\r\n5 1e3\r\n6 9\r\n'),
    );
    expect(rows.map((row) => row.size)).toEqual([0, 0, 0, 0, 0, 9]);
  });

  test('UIDL: blanks inside, odd octets, __proto__, long ones', async () => {
    const long = 'u'.repeat(1000);
    const rows = await readUniqueIdListing(
      feed(`1 whqtswO00WBw418f9t5JxYwZ\r\n2 two words\r\n3  __proto__ \r\n4 \xe9\xff\r\n5 ${long}\r\n`),
    );
    expect(rows.map((row) => row.uniqueId)).toEqual([
      'whqtswO00WBw418f9t5JxYwZ',
      'two words',
      '__proto__',
      '\xe9\xff',
      long,
    ]);
  });

  test('UIDL: a message without a usable one is left out, the rest goes on', async () => {
    const rows = await readUniqueIdListing(feed(`1\r\n2 \r\n3 ${'u'.repeat(1001)}\r\n4 ok\r\n\r\n`));
    expect(rows).toEqual([{ number: 4, uniqueId: 'ok' }]);
  });

  test('LF alone ends a row as well', async () => {
    expect(await readScanListing(feed('1 10\n2 20\n'))).toHaveLength(2);
  });

  test.each(['x 1\r\n', '0 5\r\n', '-1 5\r\n', '+OK 2 messages\r\n', '1x 5\r\n', `${'1'.repeat(5000)}\r\n`])(
    '%.20j is not a listing',
    async (text) => {
      await expect(readScanListing(feed(text))).rejects.toThrow(ProtocolError);
      await expect(readUniqueIdListing(feed(text))).rejects.toThrow(ProtocolError);
    },
  );
});

test('of UIDL only the wanted rows are kept, and every row is still checked', async () => {
  const kept = await readUniqueIdListing(streamOf(['1 a\r\n2 b\r\n3 c\r\n']), new Set([2]));
  expect(kept).toEqual([{ number: 2, uniqueId: 'b' }]);
  await expect(readUniqueIdListing(streamOf(['1 a\r\nx\r\n']), new Set([1]))).rejects.toThrow(ProtocolError);
});

test('a listing without end stops at the bound', async () => {
  const block = Buffer.from('1 1\r\n'.repeat(10_000));
  async function* endless(times: number) {
    for (let n = 0; n < times; n++) yield Buffer.from(block);
  }
  expect(await readScanListing(endless(ROW_LIMIT / 10_000))).toHaveLength(ROW_LIMIT);
  await expect(readUniqueIdListing(endless(ROW_LIMIT / 10_000 + 1))).rejects.toThrow(/1000000 rows/);
});

test('a chunk whose memory is used again does no harm', async () => {
  const memory = Buffer.alloc(8);
  async function* reusing() {
    for (const piece of ['1 120\r\n2', ' 45\r\n3 6', '\r\n']) {
      memory.fill(0x39);
      memory.write(piece);
      yield memory.subarray(0, piece.length);
    }
  }
  expect(await readScanListing(reusing())).toEqual([
    { number: 1, size: 120 },
    { number: 2, size: 45 },
    { number: 3, size: 6 },
  ]);
});

describe('STAT', () => {
  test.each([
    ['2 320', 2, 320],
    ['0 0', 0, 0],
    ['2 320 octets of mail', 2, 320],
    ['3 -17', 3, 0],
    ['3', 3, 0],
  ])('%j', (text, messages, size) => {
    expect(parseDropListing(text)).toEqual({ messages, size });
  });

  test.each(['', 'two', '-1 5', 'maildrop has 2 messages'])('%j is no answer', (text) => {
    expect(() => parseDropListing(text)).toThrow(MailError);
  });
});

describe('CAPA', () => {
  const capa = (...lines: string[]) => readCapabilities(streamOf([`${lines.join('\r\n')}\r\n`]));

  test('keywords, parameters, SASL mechanisms', async () => {
    const capabilities = await capa(
      'TOP',
      'uidl',
      'SASL PLAIN  login',
      'SASL CRAM-MD5',
      'LOGIN-DELAY 900',
      '',
    );
    expect(capabilities.get('UIDL')).toBe('');
    expect(capabilities.get('LOGIN-DELAY')).toBe('900');
    expect([...saslMechanisms(capabilities)]).toEqual(['PLAIN', 'LOGIN', 'CRAM-MD5']);
    expect(capabilityLine(await capa('TOP', 'SASL PLAIN'))).toBe('TOP, SASL PLAIN');
    expect([...saslMechanisms(await capa('TOP'))]).toEqual([]);
  });

  test('a list without end is refused', async () => {
    expect((await capa(...Array(CAPABILITY_LIMIT).fill('X'))).size).toBe(1);
    await expect(capa(...Array(CAPABILITY_LIMIT + 1).fill('X'))).rejects.toThrow(ProtocolError);
  });
});

describe('what a server says of log-ins and the life of messages (RFC 2449 6.5, 6.7)', () => {
  test.each([
    ['900', { value: 900, perUser: false }],
    ['0 USER', { value: 0, perUser: true }],
    ['often', undefined],
    ['-1', undefined],
    ['99999999999', undefined],
  ])('LOGIN-DELAY %s', (text, expected) => {
    expect(loginDelay(new Map([['LOGIN-DELAY', text]]))).toEqual(expected);
  });

  test.each([
    ['NEVER', { value: 'never', perUser: false }],
    ['60 user', { value: 60, perUser: true }],
    ['0', { value: 0, perUser: false }],
    ['', undefined],
  ])('EXPIRE %s', (text, expected) => {
    expect(expiry(new Map([['EXPIRE', text]]))).toEqual(expected);
  });
});

describe('the APOP timestamp', () => {
  test.each([
    ['POP3 server ready <1896.697170952@dbc.mtview.ca.us>', '<1896.697170952@dbc.mtview.ca.us>'],
    ['<a@b>', '<a@b>'],
    ['ready', undefined],
    ['<no-at-sign>', undefined],
    ['<a@b', undefined],
    ['<a b@c>', undefined],
    ['<a@b@c>', undefined],
    ['<a\x80@b>', undefined],
    ['<a@b> \x01', undefined],
  ])('%j', (greeting, timestamp) => {
    expect(apopTimestamp(greeting)).toBe(timestamp);
  });
});
