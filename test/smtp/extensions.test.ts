import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError, UnsupportedError } from '../../src/errors.ts';
import { xtext } from '../../src/smtp/extensions/xtext.ts';
import type { Wishes } from '../../src/smtp/index.ts';
import { SmtpClient } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import { streamOf } from '../feeds.ts';

const body = () => streamOf(['Subject: hi\r\n\r\nhi\r\n']);

async function sendTo(port: number, wishes: Wishes, recipients = ['b@example.org']): Promise<void> {
  await using client = await SmtpClient.connect({ host: '127.0.0.1', port, security: 'none', ehlo: 'me' });
  await client.send({ reversePath: 'a@example.org', recipients }, body(), { wishes });
}

const offering = (...keywords: string[]) => `
  S: 220 mx
  C: EHLO me
  ${keywords.map((keyword) => `S: 250-${keyword}`).join('\n')}
  S: 250-PIPELINING
  S: 250 HELP
`;
const rest = `
  S: 250 ok
  S: 250 ok
  C: DATA
  S: 354 go on
  C! 4
  S: 250 ok
  C: QUIT
  S: 221 bye`;

describe('what is asked for goes with MAIL and RCPT', () => {
  test.each([
    [
      'DSN (RFC 3461 10)',
      ['mx', 'DSN'],
      { dsn: { notify: ['success', 'delay'], return: 'headers', envelopeId: 'QQ314159+x' } },
      'MAIL FROM:<a@example.org> RET=HDRS ENVID=QQ314159+2Bx',
      'RCPT TO:<b@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.org',
    ],
    [
      'DSN, never',
      ['mx', 'DSN'],
      { dsn: { notify: ['never'] } },
      'MAIL FROM:<a@example.org>',
      'RCPT TO:<b@example.org> NOTIFY=NEVER ORCPT=rfc822;b@example.org',
    ],
    [
      'REQUIRETLS',
      ['mx', 'REQUIRETLS'],
      { requireTls: true },
      'MAIL FROM:<a@example.org> REQUIRETLS',
      'RCPT TO:<b@example.org>',
    ],
    [
      'DELIVERBY',
      ['mx', 'DELIVERBY 60'],
      { deliverBy: { seconds: 120, otherwise: 'return' } },
      'MAIL FROM:<a@example.org> BY=120;R',
      'RCPT TO:<b@example.org>',
    ],
    [
      'MT-PRIORITY',
      ['mx', 'MT-PRIORITY MIXER'],
      { mtPriority: -3 },
      'MAIL FROM:<a@example.org> MT-PRIORITY=-3',
      'RCPT TO:<b@example.org>',
    ],
    [
      'FUTURERELEASE',
      ['mx', 'FUTURERELEASE 3600 2027-01-01T00:00:00Z'],
      { hold: { seconds: 3600 } },
      'MAIL FROM:<a@example.org> HOLDFOR=3600',
      'RCPT TO:<b@example.org>',
    ],
    [
      'FUTURERELEASE, a moment',
      ['mx', 'FUTURERELEASE 3600 2027-01-01T00:00:00Z'],
      { hold: { until: new Date('2026-12-24T18:00:00Z') } },
      'MAIL FROM:<a@example.org> HOLDUNTIL=2026-12-24T18:00:00Z',
      'RCPT TO:<b@example.org>',
    ],
    [
      'AUTH= (RFC 4954 5)',
      ['mx', 'AUTH PLAIN'],
      { authSender: 'e+mc2@example.com' },
      'MAIL FROM:<a@example.org> AUTH=e+2Bmc2@example.com',
      'RCPT TO:<b@example.org>',
    ],
    [
      'AUTH= nobody',
      ['mx', 'AUTH PLAIN'],
      { authSender: '' },
      'MAIL FROM:<a@example.org> AUTH=<>',
      'RCPT TO:<b@example.org>',
    ],
  ] as const)('%s', async (_, keywords, wishes, mail, rcpt) => {
    await dialogue(`${offering(...keywords)}\nC: ${mail}\nC: ${rcpt}\n${rest}`, {}, (port) =>
      sendTo(port, wishes),
    );
  });
});

describe('what the server lacks ends the transaction before MAIL', () => {
  test.each([
    ['DSN', { dsn: { notify: ['failure'] } }],
    ['REQUIRETLS', { requireTls: true }],
    ['DELIVERBY', { deliverBy: { seconds: 60, otherwise: 'notify' } }],
    ['MT-PRIORITY', { mtPriority: 3 }],
    ['FUTURERELEASE', { hold: { seconds: 60 } }],
    ['AUTH', { authSender: 'x@y' }],
  ] as const)('%s', async (keyword, wishes) => {
    const error = await dialogue(`${offering('mx')}\nC: QUIT\nS: 221 bye`, {}, (port) =>
      sendTo(port, wishes).catch((error: unknown) => error),
    );
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ keyword, stage: 'mail', retryable: false });
  });

  test.each([
    ['DELIVERBY', 'DELIVERBY 600', { deliverBy: { seconds: 60, otherwise: 'return' } }],
    ['FUTURERELEASE', 'FUTURERELEASE 3600 2027-01-01T00:00:00Z', { hold: { seconds: 7200 } }],
  ] as const)('%s beyond its limit', async (keyword, offered, wishes) => {
    const error = await dialogue(`${offering('mx', offered)}\nC: QUIT\nS: 221 bye`, {}, (port) =>
      sendTo(port, wishes).catch((error: unknown) => error),
    );
    expect(error).toMatchObject({ keyword });
  });
});

test.each([
  { dsn: { notify: ['never', 'failure'] } },
  { dsn: { envelopeId: 'x'.repeat(101) } },
  { dsn: { envelopeId: '' } },
  { deliverBy: { seconds: 0, otherwise: 'return' } },
  { mtPriority: 10 },
  { mtPriority: 0.5 },
  { hold: { seconds: 0 } },
] as const)('%j is refused before MAIL', async (wishes) => {
  const all = ['mx', 'DSN', 'DELIVERBY', 'MT-PRIORITY', 'FUTURERELEASE 9 x'];
  const error = await dialogue(`${offering(...all)}\nC: QUIT\nS: 221 bye`, {}, (port) =>
    sendTo(port, wishes).catch((error: unknown) => error),
  );
  expect(error).toBeInstanceOf(DataError);
});

test('xtext holds nothing that could end a parameter, and can be read back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = xtext(text);
      expect(encoded).toMatch(/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/);
      const bytes = Buffer.from(
        encoded.replace(/\+([0-9A-F]{2})/g, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        ),
        'latin1',
      );
      expect(bytes.equals(Buffer.from(text, 'utf8'))).toBe(true);
    }),
  );
});
