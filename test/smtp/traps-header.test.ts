import { describe, expect, test } from 'vitest';
import {
  bytesAttachment,
  compose,
  decodeWords,
  envelopeOf,
  parseAddressList,
  wireAddress,
} from '../../src/mime/index.ts';
import type { Wishes } from '../../src/smtp/index.ts';
import { smtpServer } from '../cli/scripted-server.ts';
import { draft, letter, onTheWire, sendTo, unfolded } from './traps.ts';

/** The fields as a server gets them, unfolded. */
async function fieldsOf(...args: Parameters<typeof onTheWire>): Promise<string[]> {
  const { text } = await onTheWire(...args);
  return unfolded(text).split('\n');
}

describe('trap 12: domains of other scripts', () => {
  test('go as A-labels, in envelope and header, and need no extension', async () => {
    const [to] = parseAddressList('Jörg <joerg@müller.example>');
    if (to === undefined) throw new Error('no address');
    const message = draft({ to: [to] });
    const { commands, text } = await onTheWire(await compose(message), envelopeOf(message));
    expect(commands).toContain('RCPT TO:<joerg@xn--mller-kva.example>');
    expect(commands.join()).not.toContain('SMTPUTF8');
    expect(text.join()).toContain('<joerg@xn--mller-kva.example>');
    expect(wireAddress('杰@müller.example')).toBe('杰@müller.example');
  });
});

describe('trap 13: nothing that is given becomes a second address, line or command', () => {
  test('a comma in a name is quoted; envelope and header have the same recipients', async () => {
    const to = parseAddressList('"Doe, Jane" <jane@example.org>, "a@b, c@d" <x@example.org>');
    const cc = parseAddressList('"quo\\"te" <"odd@place"@example.org>');
    const message = draft({ to, cc });
    const { commands, text } = await onTheWire(await compose(message), envelopeOf(message));
    expect(commands.filter((line) => line.startsWith('RCPT'))).toEqual([
      'RCPT TO:<jane@example.org>',
      'RCPT TO:<x@example.org>',
      'RCPT TO:<"odd@place"@example.org>',
    ]);
    const read = (name: string) =>
      parseAddressList(new RegExp(`^${name}: (.*)$`, 'm').exec(unfolded(text))?.[1] ?? '').map(
        (one) => one.address,
      );
    expect([...read('To'), ...read('Cc')]).toEqual(envelopeOf(message).recipients);
  });

  const evil = ['\r\nRCPT TO:<x@y>', '\nx', '\rx', '\0', '\x7f'];
  test.each([
    ...evil.map((text) => ({ recipients: [`b${text}@example.org`] })),
    ...evil.map((text) => ({ recipients: [`b@example.org${text}`] })),
    ...evil.map((text) => ({ wishes: { dsn: { envelopeId: `id${text}` } } satisfies Wishes })),
    ...evil.map((text) => ({ wishes: { authSender: `a${text}@example.org` } as Wishes })),
    { recipients: ['b@example.org> NOTIFY=NEVER'] },
    { recipients: ['b@example.org>, <c@example.org'] },
  ])('%j: refused or encoded, never a command of its own', async (options) => {
    await using server = await smtpServer({
      EHLO: '250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250 AUTH PLAIN\r\n',
    });
    const outcome = await sendTo(server.port, letter(), options).catch((error: unknown) => error);
    if ('recipients' in options) expect(outcome).toMatchObject({ code: 'EDATA' });
    const commands = server.lines.filter((line) => !/^(EHLO me|DATA|Subject: hi||hi|\.|QUIT)$/.test(line));
    const expected = ['MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.org>'].slice(0, commands.length);
    expect(commands.map((line) => line.replace(/(?: [A-Z]+=[!-~]+)+$/, ''))).toEqual(expected);
  });

  test.each([
    ['subject', (text: string) => ({ subject: `x${text}` })],
    ['name', (text: string) => ({ to: [{ name: `x${text}`, address: 'b@example.org' }] })],
    ['field name', (text: string) => ({ headers: [{ name: `X-A${text}`, value: 'x' }] })],
    ['field value', (text: string) => ({ headers: [{ name: 'X-A', value: `x${text}` }] })],
    ['file name', (text: string) => ({ attachments: [bytesAttachment(`x${text}.txt`, Buffer.from('x'))] })],
    ['Message-ID', (text: string) => ({ messageId: `<1${text}@example.org>` })],
  ])('a line break or NUL in a %s is refused, not taken out', async (_, more) => {
    for (const text of ['\r\nBcc: x@y', '\nx', '\rx', '\0'])
      await expect((async () => compose(draft(more(text))))(), JSON.stringify(text)).rejects.toMatchObject({
        code: 'EDATA',
      });
  });
});

describe('trap 14: encoded words and file names', () => {
  const subject = `Bericht über ${'Größenänderung 报告 👩‍👩‍👧‍👦 '.repeat(6)}`.trim();

  test('words of at most 75 octets, that come back as they were', async () => {
    const message = await compose(
      draft({ subject, to: [{ name: 'Jörg "J" Müller, Dr.', address: 'b@example.org' }] }),
    );
    const { text } = await onTheWire(message);
    const words = text.join('\r\n').match(/=\?[^?]+\?[^?]+\?[^?]*\?=/g) ?? [];
    expect(words.length).toBeGreaterThan(6);
    expect(Math.max(...words.map((word) => word.length))).toBeLessThanOrEqual(75);
    for (const word of words) {
      const [, , encoding = '', body = ''] = word.split('?');
      const bytes = Buffer.from(
        encoding.toUpperCase() === 'B'
          ? Buffer.from(body, 'base64')
          : Buffer.from(
              body
                .replaceAll('_', ' ')
                .replace(/=(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
              'latin1',
            ),
      );
      expect(bytes.toString(), word).not.toContain('\ufffd');
    }
    const fields = await fieldsOf(message);
    expect(decodeWords(fields.find((line) => line.startsWith('Subject: '))?.slice(9) ?? '')).toBe(subject);
    expect(fields.find((line) => line.startsWith('To: '))).not.toMatch(/"[^"]*=\?/);
  });

  test('text that only looks encoded is encoded itself', async () => {
    const fields = await fieldsOf(await compose(draft({ subject: 'about =?utf-8?Q?x?= words' })));
    expect(fields.find((line) => line.startsWith('Subject: '))).not.toContain(' =?utf-8?Q?x?= ');
  });

  test('a file name has RFC 2231 form, a plain one beside it, and no folders', async () => {
    const attachments = [bytesAttachment('../../Größe 报告.pdf', Buffer.from('x'))];
    const fields = (await fieldsOf(await compose(draft({ attachments })))).join('\n');
    expect(fields).toMatch(/filename\*(?:0\*)?=utf-8''/i);
    expect(fields).toMatch(/name="?[\x21-\x7e ]+\.pdf/);
    expect(fields).not.toMatch(/\.\.[/%]/);
  });
});
