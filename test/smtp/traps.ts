import { expect } from 'vitest';
import type { Draft } from '../../src/mime/index.ts';
import {
  type Envelope,
  type Message,
  type Receipt,
  type SendOptions,
  SmtpClient,
  type SmtpOptions,
} from '../../src/smtp/index.ts';
import { smtpServer } from '../cli/scripted-server.ts';

/** To one recipient. */
export const ENVELOPE: Envelope = { reversePath: 'a@example.org', recipients: ['b@example.org'] };

/** The server's side up to the first transaction, with whatever it offers besides PIPELINING. */
export const opening = (...keywords: readonly string[]) => `
  S: 220 mx.example.org ESMTP
  C: EHLO me
  S: 250-mx.example.org
  ${keywords.map((keyword) => `S: 250-${keyword}`).join('\n')}
  S: 250 PIPELINING
`;
/** A transaction for `ENVELOPE` up to the text. */
export const TRANSACTION = `
  C: MAIL FROM:<a@example.org>
  C: RCPT TO:<b@example.org>
  S: 250 2.1.0 ok
  S: 250 2.1.5 ok
  C: DATA
  S: 354 go on
`;
export const BYE = `
  C: QUIT
  S: 221 bye`;

/** A message that can be read as often as one likes. */
export function letter(text = 'Subject: hi\r\n\r\nhi\r\n'): Message {
  return {
    async *[Symbol.asyncIterator]() {
      yield Buffer.from(text);
    },
  };
}

/** A client in plain text on loopback; passwords may be shown. */
export function connect(port: number, more: Partial<SmtpOptions> = {}): Promise<SmtpClient> {
  const usual = { host: '127.0.0.1', security: 'none', ehlo: 'me', idleTimeoutMs: 2000 } as const;
  return SmtpClient.connect({ ...usual, allowCleartextAuth: true, port, ...more });
}

/** Connects, sends, and says goodbye. */
export async function sendTo(
  port: number,
  message: Message = letter(),
  {
    recipients = ENVELOPE.recipients,
    client: more = {},
    ...options
  }: SendOptions & { recipients?: readonly string[]; client?: Partial<SmtpOptions> } = {},
): Promise<Receipt> {
  await using client = await connect(port, more);
  return await client.send({ ...ENVELOPE, recipients }, message, options);
}

/** What a promise was rejected with. */
export function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );
}

/** The text of a message as a server gets it, by lines, and the commands that came with it. */
export async function onTheWire(message: Message, envelope = ENVELOPE) {
  await using server = await smtpServer();
  await using client = await connect(server.port);
  await client.send(envelope, message);
  const start = server.lines.indexOf('DATA') + 1;
  return {
    commands: server.lines.slice(0, start),
    text: server.lines.slice(start, server.lines.indexOf('.')),
  };
}

/** A small letter, and what makes it another. */
export const draft = (more: Partial<Draft> = {}): Draft => ({
  from: { name: '', address: 'a@example.org' },
  to: [{ name: '', address: 'b@example.org' }],
  subject: 'Hi',
  text: 'hi\n',
  ...more,
});

/** Header fields on a line each. */
export function unfolded(lines: readonly string[]): string {
  return lines.join('\n').replace(/\n(?=[ \t])/g, '');
}
