import { describe, expect, test } from 'vitest';
import { UnsupportedError } from '../../src/errors.ts';
import { bytesAttachment, bytesSource, compose, type Draft, rawMessage } from '../../src/mime/index.ts';
import { type Message, type SendOptions, type ServerTakes, SmtpClient } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import { streamOf } from '../feeds.ts';

const envelope = { reversePath: 'a@example.org', recipients: ['b@example.org'] };

async function send(port: number, message: Message, options: SendOptions = {}) {
  await using client = await SmtpClient.connect({ host: '127.0.0.1', port, security: 'none', ehlo: 'me' });
  return await client.send(envelope, message, options);
}

const offering = (...keywords: string[]) => `
  S: 220 mx
  C: EHLO me
  S: 250-mx
  ${keywords.map((keyword) => `S: 250-${keyword}\n`).join('')}
  S: 250 PIPELINING
`;
const taken = `
  S: 250 ok
  S: 250 ok
  C: DATA
  S: 354 go on
`;
const over = `
  C: .
  S: 250 ok
  C: QUIT
  S: 221 bye
`;

const raw = (text: string) => rawMessage(bytesSource(Buffer.from(text)));
const RAW =
  'To: b@example.org\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\nAll of this is ASCII but for one é.\n';

describe('a message with 8-bit content', () => {
  test('goes as it is where 8BITMIME is offered', async () => {
    const script = `${offering('8BITMIME', 'SIZE 1000')}
      C: MAIL FROM:<a@example.org> SIZE=111 BODY=8BITMIME
      C: RCPT TO:<b@example.org>
      ${taken}
      C: To: b@example.org
      C: MIME-Version: 1.0
      C: Content-Transfer-Encoding: 8bit
      C:
      C: All of this is ASCII but for one é.
      ${over}`;
    const { size } = await dialogue(script, {}, async (port) => send(port, await raw(RAW)));
    expect(size).toBe(111);
  });

  test('is encoded anew where it is not', async () => {
    const script = `${offering('SIZE 1000')}
      C: MAIL FROM:<a@example.org> SIZE=127
      C: RCPT TO:<b@example.org>
      ${taken}
      C: To: b@example.org
      C: MIME-Version: 1.0
      C: Content-Transfer-Encoding: quoted-printable
      C:
      C: All of this is ASCII but for one =C3=A9.
      ${over}`;
    const { size } = await dialogue(script, {}, async (port) => send(port, await raw(RAW)));
    expect(size).toBe(127);
  });

  test('is encoded anew for a server that knows HELO only', async () => {
    const script = `
      S: 220 mx
      C: EHLO me
      S: 502 what?
      C: HELO me
      S: 250 mx
      C: MAIL FROM:<a@example.org>
      S: 250 ok
      C: RCPT TO:<b@example.org>
      S: 250 ok
      C: DATA
      S: 354 go on
      C! 4
      C: All of this is ASCII but for one =C3=A9.
      ${over}`;
    await dialogue(script, {}, async (port) => send(port, await raw(RAW)));
  });

  test('is refused before MAIL where that would break a signature', async () => {
    const signed = await raw(`DKIM-Signature: v=1; d=example.org\n${RAW}`);
    const error = await dialogue(`${offering('SIZE')}\nC: QUIT\nS: 221 bye`, {}, (port) =>
      send(port, signed).catch((error: unknown) => error),
    );
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({
      keyword: '8BITMIME',
      stage: 'mail',
      message: expect.stringContaining('DKIM'),
    });
  });
});

const draft: Draft = {
  from: { name: '', address: 'a@example.org' },
  to: [{ name: '', address: 'b@example.org' }],
  text: '您好\n',
};

describe('a composed message', () => {
  test('has 8-bit text for a server that takes it', async () => {
    const script = `${offering('8BITMIME')}
      C: MAIL FROM:<a@example.org> BODY=8BITMIME
      C: RCPT TO:<b@example.org>
      ${taken}
      C! 6
      C: Content-Transfer-Encoding: 8bit
      C:
      C: 您好
      ${over}`;
    await dialogue(script, {}, async (port) => send(port, await compose(draft)));
  });

  test('has base64 for one that does not', async () => {
    const script = `${offering('SIZE 1000')}
      C~ ^MAIL FROM:<a@example.org> SIZE=\\d+$
      C: RCPT TO:<b@example.org>
      ${taken}
      C! 6
      C: Content-Transfer-Encoding: base64
      C:
      C: 5oKo5aW9DQo=
      ${over}`;
    await dialogue(script, {}, async (port) => send(port, await compose(draft)));
  });

  test('has binary files where that is wanted and offered', async () => {
    const attachments = [bytesAttachment('a', Buffer.from('\0'))];
    const message = await compose({ ...draft, attachments, encoding: 'binary' });
    const script = `${offering('CHUNKING', 'BINARYMIME')}
      C: MAIL FROM:<a@example.org> BODY=BINARYMIME
      C: RCPT TO:<b@example.org>
      S: 250 ok
      S: 550 no
      C: QUIT
      S: 221 bye`;
    await dialogue(script, {}, (port) => send(port, message, { chunking: true }).catch(() => undefined));
  });
});

test('a message is asked for its form with what the server offers', async () => {
  const asked: ServerTakes[] = [];
  const message: Message = Object.assign(streamOf(['unprepared']), {
    prepared(server: ServerTakes) {
      asked.push(server);
      return Object.assign(streamOf(['prepared\r\n']), { size: 10 });
    },
  });
  const script = `${offering('SMTPUTF8', '8BITMIME', 'SIZE', 'BINARYMIME', 'CHUNKING')}
    C: MAIL FROM:<a@example.org> SIZE=10
    C: RCPT TO:<b@example.org>
    ${taken}
    C: prepared
    ${over}`;
  await dialogue(script, {}, (port) => send(port, message));
  expect(asked).toEqual([{ eightBit: true, binary: false, utf8: true }]);
});
