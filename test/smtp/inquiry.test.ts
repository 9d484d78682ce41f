import { describe, expect, test } from 'vitest';
import { DataError, RejectedError, UnsupportedError, UsageError } from '../../src/errors.ts';
import { SmtpClient } from '../../src/smtp/index.ts';
import { rawKeyword } from '../../src/smtp/raw.ts';
import { dialogue } from '../dialogue.ts';

async function ask<T>(port: number, question: (client: SmtpClient) => Promise<T>): Promise<T> {
  const client = await SmtpClient.connect({
    host: '127.0.0.1',
    port,
    security: 'none',
    ehlo: 'me',
    idleTimeoutMs: 2000,
  });
  try {
    return await question(client);
  } finally {
    await client.quit();
  }
}

const opening = (...keywords: string[]) => `
  S: 220 mx.example.org ESMTP
  C: EHLO me
  S: 250-mx.example.org
  ${keywords.map((keyword) => `S: 250-${keyword}`).join('\n')}
  S: 250 HELP
`;
const closing = `
  C: QUIT
  S: 221 bye
  *: end
`;

describe('VRFY, EXPN and HELP', () => {
  test('a yes, a no and a no comment are replies', async () => {
    const codes = await dialogue(
      `${opening()}
      C: VRFY Smith
      S: 250 Fred Smith <smith@example.org>
      C: VRFY nobody@example.org
      S: 550 5.1.1 no such user
      C: VRFY green
      S: 252 2.0.0 send some mail
      C: EXPN staff
      S: 250-<a@example.org>
      S: 250 <b@example.org>
      C: HELP VRFY
      S: 214 VRFY <sp> <user>
      ${closing}`,
      {},
      (port) =>
        ask(port, async (client) => [
          (await client.vrfy('Smith')).code,
          (await client.vrfy('nobody@example.org')).enhanced,
          (await client.vrfy('green')).code,
          (await client.expn('staff')).lines,
          (await client.help('VRFY')).text,
        ]),
    );
    expect(codes).toEqual([250, '5.1.1', 252, ['<a@example.org>', '<b@example.org>'], 'VRFY <sp> <user>']);
  });

  test.each([500, 502])('%i: the server does not have it', async (code) => {
    const refused = dialogue(`${opening()}\nC: EXPN staff\nS: ${code} what?\n${closing}`, {}, (port) =>
      ask(port, (client) => client.expn('staff')),
    );
    await expect(refused).rejects.toThrow(UnsupportedError);
  });

  test('a server that wants a log-in first says nothing about the address', async () => {
    const refused = dialogue(`${opening()}\nC: VRFY a\nS: 530 5.7.0 no\n${closing}`, {}, (port) =>
      ask(port, (client) => client.vrfy('a')),
    );
    await expect(refused).rejects.toThrow(RejectedError);
  });

  test('a name of another script needs SMTPUTF8, and says so (RFC 6531 3.7.4.2)', async () => {
    const name = 'jürgen@example.org';
    await dialogue(
      `${opening('SMTPUTF8')}\nC: VRFY jürgen@example.org SMTPUTF8\nS: 250 ok\n${closing}`,
      {},
      (port) => ask(port, (client) => client.vrfy(name)),
    );
    const refused = dialogue(`${opening()}\n${closing}`, {}, (port) =>
      ask(port, (client) => client.vrfy(name)),
    );
    await expect(refused).rejects.toThrow(UnsupportedError);
  });

  test.each(['', ' ', 'a\r\nDATA', 'a\0b'])('%j is never sent', async (name) => {
    const refused = dialogue(`${opening()}\n${closing}`, {}, (port) =>
      ask(port, (client) => client.vrfy(name)),
    );
    await expect(refused).rejects.toThrow(DataError);
  });
});

describe('recipients tried', () => {
  const envelope = { reversePath: '', recipients: ['a@example.org', 'b@example.org'] };

  test('MAIL, RCPT and RSET; never DATA', async () => {
    const replies = await dialogue(
      `${opening('PIPELINING')}
      C: MAIL FROM:<>
      C: RCPT TO:<a@example.org>
      C: RCPT TO:<b@example.org>
      S: 250 ok
      S: 250 2.1.5 ok
      S: 550 5.1.1 no
      C: RSET
      S: 250 ok
      ${closing}`,
      {},
      (port) => ask(port, (client) => client.tryRecipients(envelope)),
    );
    expect([...replies].map(([path, { code }]) => [path, code])).toEqual([
      ['a@example.org', 250],
      ['b@example.org', 550],
    ]);
  });

  test('a refused MAIL is an error', async () => {
    const refused = dialogue(`${opening()}\nC: MAIL FROM:<>\nS: 550 no bounces\n${closing}`, {}, (port) =>
      ask(port, (client) => client.tryRecipients(envelope)),
    );
    await expect(refused).rejects.toThrow(/refused MAIL/);
  });
});

describe('raw', () => {
  test('sends what was typed, and ends with QUIT', async () => {
    const codes = await dialogue(
      `${opening()}
      C: noop  x
      S: 250 ok
      C: TURN
      S: 502 no
      ${closing}`,
      {},
      (port) =>
        ask(port, async (client) => [
          (await client.raw('noop  x')).code,
          (await client.raw('TURN')).code,
          (await client.raw('quit')).code,
        ]),
    );
    expect(codes).toEqual([250, 502, 221]);
  });

  test.each([
    'AUTH PLAIN AGEAYg==',
    ' auth x',
    'STARTTLS',
    'data',
    'BDAT 5 LAST',
    '',
    ' ',
    'NOOP\r\nDATA',
    'NOOP\t',
    '\nx',
  ])('%j is refused, and its argument not repeated', (line) => {
    expect(() => rawKeyword(line)).toThrow(UsageError);
    expect(() => rawKeyword(line)).not.toThrow(/AGEAYg/);
  });

  test('what was said unasked does not pass for an answer', async () => {
    const refused = dialogue(`${opening()}\nC: NOOP\nS: 250 ok\nS: 250 and more\n*: end`, {}, (port) =>
      ask(port, async (client) => {
        await client.raw('NOOP');
        await client.raw('VRFY a');
      }),
    );
    await expect(refused).rejects.toThrow(/without being asked/);
  });

  test('a reply that asks for more than a command is no answer', async () => {
    const refused = dialogue(`${opening()}\nC: XDATA\nS: 354 go on\n*: end`, {}, (port) =>
      ask(port, (client) => client.raw('XDATA')),
    );
    await expect(refused).rejects.toThrow(/no answer to that/);
  });
});
