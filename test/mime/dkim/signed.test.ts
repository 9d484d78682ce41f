import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, DataError, InterruptedError, UsageError } from '../../../src/errors.ts';
import { compose, type Draft } from '../../../src/mime/compose.ts';
import { type Signable, type SignedMessage, signed } from '../../../src/mime/dkim/signed.ts';
import { rawMessage } from '../../../src/mime/raw.ts';
import { bytesSource } from '../../../src/mime/source.ts';
import { chunks, collect, FEEDS, streamOf } from '../../feeds.ts';
import { cases } from '../drafts.ts';
import { BODY_HASH, ED25519, MESSAGE, RSA_PEM, SIGNATURES } from './rfc8463.ts';
import { verdicts } from './verifier.ts';

const clock = { now: new Date(1528637909_500) };
const domain = 'football.example.com';
const ed = { domain, selector: 'brisbane', key: ED25519 };
const rsa = { domain, selector: 'test', key: RSA_PEM };

/** A message of this text, in chunks whose memory is used again. */
function message(text: string | Uint8Array, step = Number.POSITIVE_INFINITY): Signable & { size: number } {
  return {
    size: Buffer.from(text as Uint8Array).length,
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks(text, step)) {
        yield chunk;
        chunk.fill(0);
      }
    },
  };
}

/** The octets, twice the same, as many as were promised. */
async function octets(made: SignedMessage): Promise<Buffer> {
  const first = await collect(made);
  expect(first.length).toBe(made.size);
  expect((await collect(made)).equals(first)).toBe(true);
  return first;
}

const ANN = { name: 'Ann', address: 'ann@example.org' };
const HOLDS = { bodyHolds: true, headerHolds: true };

describe('the verifier of these tests', () => {
  const [one, two] = [SIGNATURES.ed25519, SIGNATURES.rsa].map(
    ({ unsigned, signature }) => `${unsigned}${signature}\r\n`,
  );
  it('finds that the signatures of RFC 8463 A.3 hold, and no others', () => {
    expect(verdicts(Buffer.from(`${one}${two}${MESSAGE}`))).toMatchObject([HOLDS, HOLDS]);
    const [first] = verdicts(Buffer.from(`${one}${MESSAGE.replace('dinner', 'supper')}`));
    expect(first).toMatchObject({ bodyHolds: true, headerHolds: false });
    const [second] = verdicts(Buffer.from(`${two}${MESSAGE.replace('hungry', 'thirsty')}`));
    expect(second).toMatchObject({ bodyHolds: false, headerHolds: true });
  });
});

describe('a signed message', () => {
  it('is the message of RFC 8463 with this before it', async () => {
    const made = await octets(await signed(message(MESSAGE), [ed, rsa], clock));
    expect(made.toString()).toBe(
      [
        'DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;',
        ' d=football.example.com; s=brisbane; t=1528637909;',
        ' h=from:to:subject:date:message-id:from;',
        ' bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=',
        ' lwFgCw3xVrxpKZoEovEidZjC7B3U16tUE/OlvX3ldHzE8OWAQ/qCksa10i/MDuckY+gfKcCk',
        ' /3RENP9vvbAnCQ==',
        'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=football.example.com;',
        ' s=test; t=1528637909; h=from:to:subject:date:message-id:from;',
        ' bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=',
        ' 0ekBBQVRR8fuRGY1T3fu45jN5wtu5OG6vlfhZLvusLnhrgm75twkiS8lyZ5i3WtfchKPrfa9',
        ' KjaVgtJQiXQNYFp1lrQz+1S28aaANOtY92rXfhi+Nz7aGNu9yYi052QLQOnLN1mJz+us7EDs',
        ' ps17bsH/y4N5AAFIeNuKmfESRNU=',
        MESSAGE,
      ].join('\r\n'),
    );
    expect(verdicts(made)).toMatchObject([HOLDS, HOLDS]);
  });

  it('says what it is', async () => {
    const form = { ...message(MESSAGE), eightBit: true, smtpUtf8: false };
    expect(await signed(form, [ed, rsa], clock)).toMatchObject({
      eightBit: true,
      smtpUtf8: false,
      fromDomain: domain,
      signatures: [
        { domain, selector: 'brisbane', algorithm: 'ed25519-sha256' },
        { domain, selector: 'test', algorithm: 'rsa-sha256' },
      ],
    });
    const { size: _, ...unmeasured } = message(MESSAGE);
    expect((await signed(unmeasured, ed)).size).toBeUndefined();
  });

  it('carries the time at which it was made', async () => {
    const before = Math.floor(Date.now() / 1000);
    const [{ tags } = { tags: {} as Record<string, string> }] = verdicts(
      await octets(await signed(message(MESSAGE), ed)),
    );
    expect(Number(tags['t'])).toBeGreaterThanOrEqual(before);
    expect(Number(tags['t'])).toBeLessThanOrEqual(Date.now() / 1000);
  });

  describe.each(FEEDS)('$name', ({ size }) => {
    it.each([
      ['with LF alone', MESSAGE.replaceAll('\r\n', '\n')],
      ['with CR alone', MESSAGE.replaceAll('\r\n', '\r')],
      ['without a last line end', MESSAGE.trimEnd()],
    ])('%s is signed as it goes out', async (_, text) => {
      const made = await collect(await signed(message(text, size), rsa));
      expect(verdicts(made)).toMatchObject([HOLDS]);
      expect(verdicts(made)[0]?.tags['bh']).toBe(BODY_HASH);
      expect(made.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    });

    it.each([
      ['without a body', 'From: a@example.org\r\n\r\n'],
      ['without a blank line', 'From: a@example.org\r\n'],
      ['with a body of blank lines', 'From: a@example.org\r\n\r\n\r\n \r\n\r\n'],
      [
        'with a folded From and octets of no charset',
        'FROM :\r\n a@example.org\r\nSubject: \xe9\xff\r\n\r\n\xe9 \xff\r\n',
      ],
      ['with lines that are no fields', 'From x Sat\r\nFrom: a@example.org\r\nno field\r\n\r\nx\r\n'],
      [
        'with spaces wherever they may be',
        'From:  a@example.org \t\r\nTo:\r\n\t b@c \r\n\r\n a \t b \r\n\t\r\n',
      ],
      [
        'with several of a kind',
        'To: a@b\r\nFrom: a@example.org\r\nTo: c@d\r\nto: e@f\r\nSubject: 1\r\n\r\nx\r\n',
      ],
    ])('%s holds', async (_, text) => {
      const bytes = Buffer.from(text, 'latin1');
      const made = await octets(await signed(message(bytes, size), [ed, rsa]));
      expect(verdicts(made)).toMatchObject([HOLDS, HOLDS]);
      expect(made.subarray(-bytes.length).equals(bytes)).toBe(true);
    });
  });

  it('names what readers see, and nothing that relays add or that stays here', async () => {
    const names = ['Received', 'Return-Path', 'Bcc', 'Resent-Bcc', 'DKIM-Signature', 'X-Other', 'Comments'];
    const wanted = [
      ...['Sender', 'Reply-To', 'To', 'Cc', 'Subject', 'Date', 'Message-ID', 'In-Reply-To', 'References'],
      ...['MIME-Version', 'Content-Type', 'Content-Transfer-Encoding', 'Resent-From', 'Resent-Date'],
      ...['List-Id', 'List-Unsubscribe', 'List-Unsubscribe-Post', 'List-Help', 'List-Post', 'List-Archive'],
    ];
    const header = ['From', ...names, ...wanted].map((name) => `${name}: a@example.org\r\n`).join('');
    const made = await octets(await signed(message(`${header}\r\nx\r\n`), ed));
    const [own] = verdicts(made);
    expect(own).toMatchObject(HOLDS);
    expect(own?.tags['h']).toBe(['From', ...wanted, 'From'].join(':').toLowerCase());
  });

  it('does not hold with a second From', async () => {
    const made = (await octets(await signed(message(MESSAGE), rsa))).toString('latin1');
    for (const forged of [
      `From: x@y.example\r\n${made}`,
      made.replace('Subject:', 'From: x@y.example\r\nSubject:'),
    ])
      expect(verdicts(Buffer.from(forged, 'latin1'))).toMatchObject([{ headerHolds: false }]);
  });

  it('has lines of at most 78 columns', async () => {
    const header = [...'abcdefghijkl'].map((letter) => `To: ${letter}@example.org\r\n`).join('');
    const text = `From: a@example.org\r\n${header.repeat(20)}\r\nx\r\n`;
    const made = await octets(await signed(message(text), [ed, rsa]));
    const own = made.toString('latin1').split('From: ')[0] ?? '';
    expect(Math.max(...own.split('\r\n').map(({ length }) => length))).toBeLessThanOrEqual(78);
    expect(own.split('\r\n').every((line) => line === '' || /^ ?\S.*\S$/.test(line))).toBe(true);
    expect(verdicts(made)).toMatchObject([HOLDS, HOLDS]);
  });

  it('holds for any draft', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ draft }) => {
        const form = await compose({ ...draft, from: ANN });
        const made = await octets(await signed(form, [rsa, { selector: 's', key: ED25519 }]));
        expect(verdicts(made)).toMatchObject([HOLDS, { ...HOLDS, tags: { d: 'example.org' } }]);
        expect(made.subarray(made.length - form.size).equals(await collect(form))).toBe(true);
        const takes = { eightBit: true, binary: true, utf8: true };
        const eightBit = await signed(await compose({ ...draft, from: ANN, encoding: '8bit' }), rsa);
        const prepared = await eightBit.prepared?.(takes);
        if (prepared === undefined) throw new Error('it is not to be prepared');
        expect(verdicts(await octets(prepared))).toMatchObject([HOLDS]);
      }),
      { numRuns: 100 },
    );
  });

  it('holds for any body in any chunks', async () => {
    const text = fc.string({
      unit: fc.constantFrom('\r\n', '\n', '\r', ' ', '\t', 'a', '.', '\r\n\r\n', '\u00e9'),
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (body, step) => {
        const form = message(Buffer.from(`From: a@example.org\r\n\r\n${body}`, 'latin1'), step);
        expect(verdicts(await collect(await signed(form, ed)))).toMatchObject([HOLDS]);
      }),
      { numRuns: 500 },
    );
  });

  it('of a raw message leaves Bcc out first', async () => {
    const raw = await rawMessage(bytesSource(Buffer.from('From: a@example.org\nBcc: x@y\nTo: b@c\n\nhi\n')));
    const made = await octets(await signed(raw, ed));
    expect(made.toString()).not.toContain('Bcc');
    expect(made.toString()).toMatch(/From: a@example\.org\r\nTo: b@c\r\n\r\nhi\r\n$/);
    expect(verdicts(made)).toMatchObject([HOLDS]);
  });

  it('is that of the octets in memory, where a message has them', async () => {
    const form: Signable = Object.assign(streamOf(['unread']), { whole: Buffer.from(MESSAGE) });
    const made = await collect(await signed(form, ed));
    expect(verdicts(made)).toMatchObject([HOLDS]);
    expect(made.toString().endsWith(MESSAGE)).toBe(true);
  });
});

describe('the domain that signs', () => {
  const of = (from: string) => message(`From: ${from}\r\n\r\nx\r\n`);
  const signer = { selector: 's', key: ED25519 };
  it.each([
    ['a@Example.ORG', 'example.org'],
    ['"x@y" <a@example.org>', 'example.org'],
    ['A <a@one.example>, b@two.example', 'one.example'],
    ['=?utf-8?q?a=40b?= <a@example.org>', 'example.org'],
    ['a@b\u00fccher.example', 'xn--bcher-kva.example'],
  ])('is that of From: %s', async (from, wanted) => {
    const made = await signed(of(from), signer);
    expect(made).toMatchObject({ fromDomain: wanted, signatures: [{ domain: wanted }] });
    expect(verdicts(await octets(made))).toMatchObject([{ ...HOLDS, tags: { d: wanted } }]);
  });

  it.each(['nobody', '', 'a@[192.0.2.1]', 'a@localhost', '<>'])(
    'is not to be had of From: %s',
    async (from) => {
      await expect(signed(of(from), signer)).rejects.toThrow(DataError);
      expect(await signed(of(from), { ...signer, domain })).toMatchObject({ signatures: [{ domain }] });
    },
  );
});

describe('what cannot be signed', () => {
  it.each<[string, Signable, string]>([
    ['a message without From', message('To: a@b\r\n\r\nx\r\n'), 'no From'],
    ['a message without a header', message('\r\nFrom: a@example.org\r\n'), 'no From'],
    ['nothing', message(''), 'no From'],
    ['a message with two From fields', message('From: a@b.c\r\nfrom : d@e.f\r\n\r\nx\r\n'), '2 From'],
    ['a binary message', { ...message(MESSAGE), binary: true }, 'binary'],
    ['a header without an end', message(`From: a@b.c\r\n${'X: y\r\n'.repeat(200_000)}`), 'longer than'],
    [
      'a header of more fields than others read',
      message(`From: a@b.c\r\n${'To: y\r\n'.repeat(1_000)}`),
      '1002 fields',
    ],
  ])('%s is a DataError', async (_, form, why) => {
    const error = await signed(form, ed).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ stage: 'compose', message: expect.stringContaining(why) });
  });

  it('is a stream that can be read once', async () => {
    await expect(signed(streamOf([MESSAGE]), ed)).rejects.toThrow(UsageError);
  });

  it('is anything with a bad key or selector, before it is read', async () => {
    const untouched: Signable = {
      [Symbol.asyncIterator]: () => {
        throw new Error('it was read');
      },
    };
    await expect(signed(untouched, [ed, { ...rsa, key: 'x' }])).rejects.toThrow(ConfigError);
    await expect(signed(untouched, { ...ed, selector: 'a b' })).rejects.toThrow(UsageError);
  });
});

it('is given up when its signal says so', async () => {
  const stop = new AbortController();
  let chunks = 0;
  const endless: Signable = {
    async *[Symbol.asyncIterator]() {
      yield Buffer.from(MESSAGE);
      for (;;) {
        if (++chunks === 3) stop.abort();
        yield Buffer.from('x\r\n');
      }
    },
  };
  await expect(signed(endless, ed, { signal: stop.signal })).rejects.toThrow(InterruptedError);
  expect(chunks).toBe(3);
});

describe('a message that is another when it is read again', () => {
  const turning = (first: string, then: string): Signable => {
    let count = 0;
    return { size: first.length, [Symbol.asyncIterator]: () => streamOf([count++ === 0 ? first : then]) };
  };

  it.each([
    ['in its body', MESSAGE.replace('hungry', 'thirst')],
    ['at its end', MESSAGE.slice(0, -2).concat('..')],
    ['in its subject', MESSAGE.replace('dinner', 'supper')],
    ['in a field that is not signed', MESSAGE.replace('From:', 'X: y\r\nFrom:')],
    ['by being longer', `${MESSAGE}x\r\n`],
    ['by being shorter', MESSAGE.slice(0, -7)],
    ['by being nothing', ''],
  ])('%s fails before its end', async (_, then) => {
    const made = await signed(turning(MESSAGE, then), ed);
    await expect(collect(made)).rejects.toThrow(/changed after it was signed/);
    await expect(collect(made)).rejects.toThrow(DataError);
  });

  it('in what a signature does not see is sent', async () => {
    const made = await signed(turning(MESSAGE, `${MESSAGE}\r\n`), ed);
    expect(verdicts(await collect(made))).toMatchObject([HOLDS]);
  });
});

describe('a message that is prepared for its server', () => {
  const draft: Draft = { from: { name: '', address: 'a@example.org' }, to: [], text: 'x\n' };
  const takes = { eightBit: true, binary: true, utf8: true };

  /** Counts how often it is read to its end. */
  const counted = (text: string) => {
    let reads = 0;
    const form: Signable & { readonly size: number } = {
      size: text.length,
      async *[Symbol.asyncIterator]() {
        yield* streamOf([text]);
        reads++;
      },
    };
    return { form, reads: () => reads };
  };

  it('is signed in the form that it has there, after it was asked for, and read twice', async () => {
    const asked: object[] = [];
    const plain = counted(MESSAGE);
    const other = counted(MESSAGE.replace('Joe.', 'Joe!'));
    const made = await signed(
      {
        ...plain.form,
        prepared(server) {
          asked.push(server);
          return Promise.resolve({ ...other.form, eightBit: true });
        },
      },
      [ed, rsa],
      clock,
    );
    expect(plain.reads()).toBe(0);
    const form = await made.prepared?.(takes);
    if (form === undefined) throw new Error('it is not to be prepared');
    expect(asked).toEqual([{ eightBit: true, binary: false, utf8: true }]);
    expect(other.reads()).toBe(1);
    expect(form).toMatchObject({ eightBit: true, size: made.size });
    expect(form.prepared).toBeUndefined();
    const bytes = await collect(form);
    expect(other.reads()).toBe(2);
    expect(bytes.length).toBe(form.size);
    expect(bytes.toString()).toContain('Joe!');
    expect(verdicts(bytes)).toMatchObject([HOLDS, HOLDS]);
    // Prepared for another attempt, it is the same to the last octet.
    const again = await made.prepared?.(takes);
    expect(again === undefined ? undefined : (await collect(again)).equals(bytes)).toBe(true);
  });

  it('can be read without, too', async () => {
    const composed = await compose(draft, { now: clock.now, random: () => 'r' });
    const form: Signable = Object.assign({}, composed, { prepared: () => composed });
    const made = await signed(form, [ed, rsa], clock);
    expect(verdicts(await octets(made))).toMatchObject([HOLDS, HOLDS]);
  });

  it('is checked at once for what no form of it would mend', async () => {
    const form: Signable = { ...message('To: x\r\n\r\n'), prepared: () => message('To: x\r\n\r\n') };
    await expect(signed(form, ed)).rejects.toThrow(DataError);
  });

  it('fails when it changes between its preparation and its sending', async () => {
    let text = MESSAGE;
    const form: Signable = { [Symbol.asyncIterator]: () => streamOf([text]) };
    const made = await signed({ ...form, prepared: () => form }, ed);
    const prepared = await made.prepared?.(takes);
    text = MESSAGE.replace('hungry', 'thirst');
    await expect(prepared === undefined ? undefined : collect(prepared)).rejects.toThrow(/changed/);
  });
});
