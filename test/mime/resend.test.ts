import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { type Resending, resentMessage } from '../../src/mime/resend.ts';
import { bytesSource } from '../../src/mime/source.ts';
import { collect } from '../feeds.ts';
import { fixed } from './drafts.ts';

const ann = { name: 'Ann', address: 'ann@example.org' };
const bob = { name: '', address: 'bob@example.org' };
const ORIGINAL =
  'Resent-From: x@y\r\nFrom: c@example.org\r\nTo:  d@example.org\r\nMessage-ID: <1@x>\r\n\r\nGrüße \r\n';
const resent = (resending: Partial<Resending> = {}, text: string = ORIGINAL) =>
  resentMessage(bytesSource(Buffer.from(text)), { from: ann, to: [bob], ...resending }, fixed());

describe('a message that is sent again', () => {
  it('is as it was, below who sends it', async () => {
    const message = await resent({ cc: [ann], sender: bob, date: new Date('2026-11-21T06:00:00Z') });
    const bytes = await collect(message);
    expect(bytes.toString().replace(/^Resent-Date: Sat, 21 Nov 2026 [^\r]*\r\n/, '')).toBe(
      'Resent-From: Ann <ann@example.org>\r\nResent-Sender: bob@example.org\r\nResent-To: bob@example.org\r\n' +
        `Resent-Cc: Ann <ann@example.org>\r\nResent-Message-ID: <mwq00qo0.fixed1@example.org>\r\n${ORIGINAL}`,
    );
    expect([message.size, message.eightBit, message.messageId]).toEqual([
      bytes.length,
      true,
      '<mwq00qo0.fixed1@example.org>',
    ]);
    expect((await collect(message)).equals(bytes)).toBe(true);
  });

  it('takes the form that the server takes', async () => {
    const narrow = await (await resent()).prepared({ eightBit: false, binary: false, utf8: false });
    const text = (await collect(narrow)).toString();
    expect([narrow.eightBit, narrow.size, narrow.messageId]).toEqual([
      false,
      text.length,
      '<mwq00qo0.fixed1@example.org>',
    ]);
    expect(text).toMatch(/^Resent-Date: /);
  });

  it('shows no hidden recipients, neither of old nor of now', async () => {
    const text = (
      await collect(await resent({ to: [] }, 'Bcc: h@x\r\nResent-Bcc: h@x\r\nA: b\r\n\r\n'))
    ).toString();
    expect(text).not.toMatch(/h@x|Resent-To/);
    expect(text).toMatch(/\r\nA: b\r\n\r\n$/);
  });

  it('says when a field of it needs SMTPUTF8', async () => {
    const message = await resent({ to: [{ name: '', address: 'é@example.org' }] }, 'A: b\r\n\r\n');
    expect([message.smtpUtf8, message.eightBit]).toEqual([true, true]);
  });

  it.each([
    { from: { name: 'a\r\nBcc: x@y', address: 'a@b' } },
    { to: [{ name: '', address: 'a@b\n' }] },
    { sender: { name: '\0', address: 'a@b' } },
    { messageId: 'a@b\r\nX: y' },
  ])('refuses %j', async (resending) => {
    await expect(resent(resending)).rejects.toThrow(DataError);
  });

  it('is no mbox', async () => {
    await expect(resent({}, `From x Sat Nov 21\r\n${ORIGINAL}`)).rejects.toThrow('mbox');
    expect((await collect(await resent({}, 'Fro'))).toString()).toMatch(/^Resent-Date: .*\r\nFro\r?\n?$/s);
  });
});
