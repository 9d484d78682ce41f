import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { type RawMessage, rawMessage } from '../../src/mime/raw.ts';
import type { Source } from '../../src/mime/source.ts';
import { chunks, collect, streamOf } from '../feeds.ts';

const source = (text: string | Uint8Array, step = Number.POSITIVE_INFINITY): Source => ({
  size: Buffer.from(text as Uint8Array).length,
  open: () => streamOf(chunks(text, step)),
});
const raw = (text: string | Uint8Array, step?: number): Promise<RawMessage> => rawMessage(source(text, step));

const MIXED = 'To: a@b\nContent-Type: multipart/mixed; boundary=b\n\n';
const SIGNED =
  'To: a@b\nContent-Type: multipart/signed;\n protocol="x/y"; boundary=b\n\n--b\nContent-Type: text/plain\n\n';

/** The octets, whose number has to be the size that was promised, twice over. */
async function octets(message: RawMessage): Promise<string> {
  const first = await collect(message);
  expect(first.length).toBe(message.size);
  expect((await collect(message)).equals(first)).toBe(true);
  return first.toString('utf8');
}

describe.each([Number.POSITIVE_INFINITY, 1, 2, 7])('in chunks of %s', (step) => {
  it.each([
    ['a plain message', 'To: a@b\r\n\r\nhi\r\n', 'To: a@b\r\n\r\nhi\r\n'],
    ['LF alone', 'To: a@b\n\nhi\nyou', 'To: a@b\r\n\r\nhi\r\nyou\r\n'],
    ['CR alone', 'To: a@b\r\rhi\ryou\r', 'To: a@b\r\n\r\nhi\r\nyou\r\n'],
    ['CR CR LF', 'To: a@b\r\r\n\r\r\nhi\r\r\n', 'To: a@b\r\n\r\nhi\r\n'],
    ['Bcc in the middle', 'To: a@b\nBcc: c@d\nCc: e@f\n\nx', 'To: a@b\r\nCc: e@f\r\n\r\nx\r\n'],
    ['a folded Bcc', 'To: a@b\nBcc: c@d,\n\te@f,\n g@h\nCc: i@j\n\nx', 'To: a@b\r\nCc: i@j\r\n\r\nx\r\n'],
    ['Bcc first', 'BCC: c@d\nTo: a@b\n\nx', 'To: a@b\r\n\r\nx\r\n'],
    ['Bcc last', 'To: a@b\nbcc : c@d,\n e@f\n\nBcc: stays@here', 'To: a@b\r\n\r\nBcc: stays@here\r\n'],
    ['Bcc last, without a body', 'To: a@b\nBcc: c@d,\n e@f', 'To: a@b\r\n'],
    ['several', 'Bcc: a@b\nResent-Bcc: c@d\n x\nTo: e@f\nBcc:\n\nx', 'To: e@f\r\n\r\nx\r\n'],
    ['nothing but Bcc', 'Bcc: a@b\n\nx', '\r\nx\r\n'],
    ['an empty Bcc', 'Bcc:\nTo: a@b\n\n', 'To: a@b\r\n\r\n'],
    ['names that only begin so', 'Bcc-Me: a@b\nX-Bcc: c@d\n\n', 'Bcc-Me: a@b\r\nX-Bcc: c@d\r\n\r\n'],
    ['a header without a body', 'To: a@b\nSubject: x', 'To: a@b\r\nSubject: x\r\n'],
    ['a blank line first', '\nTo: a@b\nBcc: c@d\n', '\r\nTo: a@b\r\nBcc: c@d\r\n'],
    ['a line of 998', `To: a@b\n\n${'x'.repeat(998)}`, `To: a@b\r\n\r\n${'x'.repeat(998)}\r\n`],
    ['dots', 'To: a@b\n\n.\n..\n', 'To: a@b\r\n\r\n.\r\n..\r\n'],
    ['bytes of no charset', 'To: a@b\n\né', 'To: a@b\r\n\r\né\r\n'],
  ])('%s', async (_, text, made) => {
    expect(await octets(await raw(text, step))).toBe(made);
  });

  it.each([
    ['nothing', ''],
    ['a NUL in the header', 'To: a@b\nX: x\0y\n\nx'],
    ['a header line of 1,000 octets', `To: ${'é'.repeat(500)}\n\n`],
    ['a header line of 999 octets without a body', `To: ${'x'.repeat(995)}`],
    ['a NUL that is signed', `${SIGNED}x\0y\n`],
    ['a line of 999 octets that is signed', `${SIGNED}${'x'.repeat(999)}\n--b--`],
    ['a long line in the header of a part', `${MIXED}--b\nX: ${'x'.repeat(999)}\n\nx\n--b--`],
  ])('refuses %s', async (_, text) => {
    await expect(raw(text, step)).rejects.toThrow(DataError);
  });
});

describe('what is known of it', () => {
  it('says which line is too long, and why it stays so', async () => {
    const failure = raw(`${SIGNED}x\n${'y'.repeat(999)}`);
    await expect(failure).rejects.toThrow(/line 9 .* 998/);
    await expect(failure).rejects.toMatchObject({ hint: expect.stringMatching(/signed/) });
  });

  it('refuses a header without an end', async () => {
    await expect(raw('X: y\n'.repeat(300_000))).rejects.toThrow(/header/);
  });

  it('knows 8-bit octets, wherever they are', async () => {
    expect((await raw('To: a@b\n\nx')).eightBit).toBe(false);
    expect((await raw('To: a@b\n\né')).eightBit).toBe(true);
    expect((await raw('Subject: é\n\nx')).eightBit).toBe(true);
  });

  it('takes sender, recipients and identifier from the header', async () => {
    const message = await raw(
      'From: "Doe, J" <j@b>\nTo: a@b, G: c@d;\nCc: "x, y" <E@ü.example>\nBcc: f@g,\n a@b\nMessage-ID: <1@b>\n\nTo: no@one',
    );
    expect(message.messageId).toBe('<1@b>');
    expect(message.envelope.reversePath).toBe('j@b');
    expect(message.envelope.recipients).toEqual(['a@b', 'c@d', 'E@xn--tda.example', 'f@g']);
  });

  it('prefers Sender to From, and Resent-* to both', async () => {
    const header = 'From: a@b\nSender: c@d\nTo: e@f\n';
    expect((await raw(`${header}\n`)).envelope.reversePath).toBe('c@d');
    const { envelope } = await raw(`Resent-From: r@s\nResent-To: t@u\nResent-Bcc: v@w\n${header}\n`);
    expect(envelope.reversePath).toBe('r@s');
    expect(envelope.recipients).toEqual(['t@u', 'v@w']);
  });

  it('has no sender and no recipients where nobody is named', async () => {
    const { envelope } = await raw('Subject: x\nTo: undisclosed-recipients:;\n\n');
    expect([envelope.reversePath, envelope.recipients]).toEqual([undefined, []]);
  });

  it('never guesses whom it goes to', async () => {
    const message = await raw('From: a@b c@d\nTo: a@b c@d\n\nx');
    expect(() => message.envelope.recipients).toThrow(DataError);
    expect(() => message.envelope.recipients).toThrow(/To/);
    expect(() => message.envelope.reversePath).toThrow(DataError);
    // Somebody who says whom it goes to may still send it.
    expect(await octets(message)).toContain('To: a@b c@d');
  });
});

it('fails before its end when the file has changed', async () => {
  let text = 'To: a@b\r\nBcc: c@d\r\n\r\nhello\r\n';
  const size = text.length;
  const message = await rawMessage({ size, open: () => streamOf([text]) });
  for (const changed of ['To: a@b\r\n\r\n', `${text}more\r\n`]) {
    text = changed;
    await expect(collect(message)).rejects.toThrow(DataError);
  }
});

it('keeps its size and never lets Bcc through, for any text', async () => {
  const text = fc.string({
    unit: fc.constantFrom(
      'Bcc: x@y',
      'Resent-Bcc:',
      'To: a@b',
      '\n',
      '\r\n',
      '\r',
      ' ',
      '\t',
      ':',
      'x',
      'é',
      '\n\n',
    ),
    minLength: 1,
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (value, step) => {
      const made = await octets(await raw(value, step));
      expect(made.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
      expect(made === '' || made.endsWith('\r\n')).toBe(true);
      const header = made.startsWith('\r\n') ? '' : (made.split('\r\n\r\n', 1)[0] ?? '');
      expect(header).not.toMatch(/^(?:resent-)?bcc[ \t]*:/im);
    }),
    { numRuns: 500 },
  );
});
