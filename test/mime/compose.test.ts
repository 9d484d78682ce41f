import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stuff } from '../../src/codec/dots.ts';
import { DataError } from '../../src/errors.ts';
import { bytesAttachment } from '../../src/mime/attachment.ts';
import { compose, type Draft, envelopeOf } from '../../src/mime/compose.ts';
import { bytesSource } from '../../src/mime/source.ts';
import { collect, streamOf } from '../feeds.ts';
import { cases, fixed } from './drafts.ts';

const ann = { name: 'Ann', address: 'ann@example.org' };
const bob = { name: '', address: 'bob@example.org' };
const base: Draft = { from: ann, to: [bob] };
const written = async (draft: Partial<Draft>): Promise<string> =>
  (await collect(await compose({ ...base, ...draft }, fixed()))).toString();
const headerOf = (text: string): string => text.split('\r\n\r\n', 1)[0] ?? '';

describe('any draft', () => {
  it('has the size that was said, on the wire, too; CRLF alone; no Bcc; and lines that relays take', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ draft }) => {
        const message = await compose(draft);
        const bytes = await collect(message);
        expect(bytes.length).toBe(message.size);
        expect((await collect(message)).equals(bytes)).toBe(true);
        const text = bytes.toString('latin1');
        expect(text.endsWith('\r\n')).toBe(true);
        const rows = text.slice(0, -2).split('\r\n');
        expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/);
        for (const row of rows) expect(row.length).toBeLessThanOrEqual(998);
        expect(headerOf(text)).not.toMatch(/^bcc:/im);
        expect(text).not.toMatch(/hidden\.example/i);
        expect(message.eightBit).toBe(/[\x80-\xff]/.test(text));
        const dotted = rows.filter((row) => row.startsWith('.')).length;
        const wire = await collect(stuff(streamOf([bytes])));
        expect(wire.length).toBe(message.size + dotted + '.\r\n'.length);
        expect((await collect(stuff(message))).equals(wire)).toBe(true);
        expect(envelopeOf(draft).recipients.at(-1)).toBe('secret@hidden.example');
      }),
      { numRuns: 300 },
    );
  });

  it('folds every header line that could be folded', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ draft }) => {
        const text = (await collect(await compose(draft))).toString();
        for (const row of headerOf(text).split('\r\n'))
          expect(row.length <= 78 || !/\S\s+\S/.test(row.replace(/^\S+:\s*/, ''))).toBe(true);
        for (const [part] of text.matchAll(/^Content-[^\n]*\r\n(?:[ \t][^\n]*\r\n)*/gm))
          for (const row of part.split('\r\n')) expect(row.length).toBeLessThanOrEqual(78);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a free field of addresses', () => {
  it.each(['Sender', 'Resent-To', 'Disposition-Notification-To'])(
    'has its names encoded: %s',
    async (name) => {
      const value = '"Müller, Ann" <ann@münchen.example>';
      const text = await written({ headers: [{ name, value }] });
      expect(text.replaceAll('\r\n <', ' <')).toContain(
        `\r\n${name}: =?utf-8?Q?M=C3=BCller=2C_Ann?= <ann@xn--mnchen-3ya.example>\r\n`,
      );
      await expect(written({ headers: [{ name, value: 'Müller, Ann <a@b>' }] })).rejects.toThrow(DataError);
    },
  );
});

describe('a message', () => {
  it('of one text', async () => {
    expect(await written({ subject: 'Hi', text: 'hello', date: new Date('2026-11-21T06:00:00Z') })).toMatch(
      /^Date: \w{3}, \d{1,2} Nov 2026 [^\r]+\r\nFrom: Ann <ann@example\.org>\r\nTo: bob@example\.org\r\nSubject: Hi\r\nMessage-ID: <[^@]+@example\.org>\r\nMIME-Version: 1\.0\r\nContent-Type: text\/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nhello\r\n$/,
    );
  });

  it.each([
    ['text', { text: 'x' }, ['text/plain']],
    ['nothing', {}, ['text/plain']],
    ['HTML', { html: 'x' }, ['multipart/alternative', 'text/plain', 'text/html']],
    ['HTML that says nothing', { html: '<img src="https://x/y.png">' }, ['text/html']],
    ['both', { text: 'x', html: 'y' }, ['multipart/alternative', 'text/plain', 'text/html']],
    [
      'both, an image and a file',
      {
        text: 'x',
        html: 'y',
        attachments: [
          { ...bytesAttachment('i.png', Buffer.from('x'), { contentId: 'i' }), inline: true },
          bytesAttachment('a.pdf', Buffer.from('x')),
        ],
      },
      [
        'multipart/mixed',
        'multipart/alternative',
        'text/plain',
        'multipart/related',
        'text/html',
        'image/png',
        'application/pdf',
      ],
    ],
    [
      'an image without HTML',
      { attachments: [{ ...bytesAttachment('i.png', Buffer.from('x')), inline: true }] },
      ['multipart/mixed', 'text/plain', 'image/png'],
    ],
  ])('of %s has its parts in order', async (_, draft: Partial<Draft>, types) => {
    const text = await written(draft);
    expect([...text.matchAll(/^Content-Type: ([^;\r]+)/gm)].map(([, type]) => type)).toEqual(types);
  });

  it('shows its recipients, and says so where it shows none', async () => {
    expect(await written({ to: [], bcc: [bob] })).toContain('\r\nTo: undisclosed-recipients:;\r\n');
    expect(await written({ to: [], cc: [bob] })).not.toMatch(/^To:/m);
    expect(await written({ to: [], cc: [bob] })).toMatch(/^Cc: bob@example\.org\r$/m);
    expect(await written({ replyTo: [ann, bob] })).toMatch(
      /^Reply-To: Ann <ann@example\.org>, bob@example\.org\r$/m,
    );
  });

  it('answers another', async () => {
    const header = await written({ inReplyTo: '1@x' });
    expect(header).toMatch(/^In-Reply-To: <1@x>\r$/m);
    expect(header).toMatch(/^References: <1@x>\r$/m);
    const thread = await written({
      inReplyTo: '<2@x>',
      headers: [{ name: 'references', value: '<1@x> <2@x>' }],
    });
    expect(thread.match(/^references:.*$/gim)).toEqual(['references: <1@x> <2@x>']);
  });

  it('has a local part of another script as it is, with the domain, and says that it does', async () => {
    const message = await compose({ ...base, to: [{ name: 'É', address: 'é@ü.example' }] });
    expect([message.smtpUtf8, message.eightBit]).toEqual([true, true]);
    expect((await collect(message)).toString()).toContain('<é@ü.example>');
    expect((await collect(message)).length).toBe(message.size);
    const plain = await compose({ ...base, to: [{ name: 'É', address: 'e@ü.example' }] });
    expect([plain.smtpUtf8, plain.eightBit]).toEqual([false, false]);
  });
});

describe('the envelope', () => {
  it('has To, Cc and Bcc in order, each once, as in the header', () => {
    const draft: Draft = {
      from: { name: '', address: 'x@ü.example' },
      to: [bob, ann],
      cc: [bob, { name: '', address: 'c@ü.example' }],
      bcc: [ann, { name: '', address: 'd@example.org' }],
    };
    expect(envelopeOf(draft)).toEqual({
      reversePath: 'x@xn--tda.example',
      recipients: ['bob@example.org', 'ann@example.org', 'c@xn--tda.example', 'd@example.org'],
    });
  });
});

it('is sent by its sender, who may be another than the author', () => {
  expect(envelopeOf({ ...base, sender: bob }).reversePath).toBe('bob@example.org');
});

/** Every place where a text can go into a message. */
const PLACES: Readonly<Record<string, (text: string) => Partial<Draft>>> = {
  'the name in From': (text) => ({ from: { ...ann, name: text } }),
  'the address in From': (text) => ({ from: { name: '', address: `a${text}@b` } }),
  'the domain in From': (text) => ({ from: { name: '', address: `a@b${text}` } }),
  'a quoted local part': (text) => ({ to: [{ name: '', address: `"a${text}"@b` }] }),
  'a name in To': (text) => ({ to: [{ ...bob, name: text }] }),
  'an address in To': (text) => ({ to: [bob, { name: '', address: `a@b${text}` }] }),
  'a name in Cc': (text) => ({ cc: [{ ...bob, name: text }] }),
  'an address in Cc': (text) => ({ cc: [{ name: '', address: `${text}a@b` }] }),
  'a name in Bcc': (text) => ({ bcc: [{ ...bob, name: text }] }),
  'an address in Bcc': (text) => ({ bcc: [{ name: '', address: `a@b${text}` }] }),
  'a name in Reply-To': (text) => ({ replyTo: [{ ...bob, name: text }] }),
  'an address in Reply-To': (text) => ({ replyTo: [{ name: '', address: `a@b${text}` }] }),
  'a name in Sender': (text) => ({ sender: { ...bob, name: text } }),
  'the address in Sender': (text) => ({ sender: { name: '', address: `a@b${text}` } }),
  'a charset': (text) => ({ charset: `utf-8${text}` }),
  'the method of a calendar': (text) => ({
    calendar: bytesSource(Buffer.from(`BEGIN:VCALENDAR\nMETHOD:A${text}B\nEND:VCALENDAR\nMETHOD:C\n`)),
  }),
  'the subject': (text) => ({ subject: `a${text}b` }),
  'a Message-ID': (text) => ({ messageId: `a${text}b@c` }),
  'In-Reply-To': (text) => ({ inReplyTo: `a@b${text}c` }),
  'a reference': (text) => ({ references: [`a@b${text}c`] }),
  'the name of a field': (text) => ({ headers: [{ name: `X${text}Y`, value: 'x' }] }),
  'the value of a field': (text) => ({ headers: [{ name: 'X-Y', value: `x${text}` }] }),
  'a file name': (text) => ({ attachments: [bytesAttachment(`a${text}b`, Buffer.from('x'))] }),
  'the folder of a file name': (text) => ({ attachments: [bytesAttachment(`a${text}/b`, Buffer.from('x'))] }),
  'a media type': (text) => ({
    attachments: [bytesAttachment('a', Buffer.from('x'), { type: `text/plain${text}` })],
  }),
  'a parameter of a media type': (text) => ({
    attachments: [bytesAttachment('a', Buffer.from('x'), { type: `text/plain; a=b${text}` })],
  }),
  'a content id': (text) => ({
    attachments: [bytesAttachment('a', Buffer.from('x'), { contentId: `a${text}b` })],
  }),
};

describe.each(Object.keys(PLACES))('%s', (place) => {
  it.each(['\r', '\n', '\0', '\r\nBcc: x@y', '\r\n\r\nbody', '\n '])('with %j is refused', async (text) => {
    const draft = { ...base, ...(PLACES[place] ?? (() => ({})))(text) };
    await expect(compose(draft)).rejects.toThrow(DataError);
  });
});

describe('what a caller could smuggle in without a line break', () => {
  it.each(['a@b>, <c@d', 'a@b, c@d', '<a@b>', 'a b@c', 'a@b (c)', '-a@b', 'a', '', 'a@b;'])(
    'the address %j',
    async (address) => {
      const mailbox = { name: '', address };
      await expect(compose({ ...base, to: [mailbox] })).rejects.toThrow(DataError);
      await expect(compose({ ...base, from: mailbox })).rejects.toThrow(DataError);
      await expect(compose({ ...base, bcc: [mailbox] })).rejects.toThrow(DataError);
      expect(() => envelopeOf({ ...base, bcc: [mailbox] })).toThrow(DataError);
    },
  );

  it.each([
    'Bcc',
    'bcc',
    'BCC',
    'Resent-Bcc',
    'resent-BCC',
    'To',
    'From',
    'Cc',
    'Subject',
    'Date',
    'Message-ID',
    'Reply-To',
    'In-Reply-To',
    'MIME-Version',
    'Content-Type',
    'content-transfer-encoding',
    'Content-Disposition',
    '',
    'a b',
    'a:',
    'é',
  ])('the header field %j', async (name) => {
    await expect(written({ headers: [{ name, value: 'x@y' }] })).rejects.toThrow(DataError);
  });

  it.each(['X-Y', 'List-Unsubscribe', 'Auto-Submitted', 'Organization', 'Comments'])(
    'but %s is free, and may be any text',
    async (name) => {
      expect(await written({ headers: [{ name, value: 'x' }] })).toContain(`\r\n${name}: x\r\n`);
      expect(await written({ headers: [{ name, value: 'é' }] })).toContain(`\r\n${name}: =?utf-8?`);
    },
  );
});
