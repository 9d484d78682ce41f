import { describe, expect, test } from 'vitest';
import { type Message, type Receipt, type SendOptions, SmtpClient } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import { streamOf } from '../feeds.ts';

const named = (...names: string[]) => names.map((name) => `${name}@example.org`);

/** A message that can be read as often as one likes. */
function letter(): Message {
  return { [Symbol.asyncIterator]: () => streamOf(['Subject: hi\r\n\r\nhi\r\n']) };
}

async function sendTo(
  port: number,
  recipients: readonly string[],
  message: Message = letter(),
  options: SendOptions = {},
): Promise<Receipt> {
  await using client = await SmtpClient.connect({
    host: '127.0.0.1',
    port,
    security: 'none',
    ehlo: 'me',
    idleTimeoutMs: 2000,
  });
  return await client.send({ reversePath: 'a@example.org', recipients }, message, options);
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );

const offering = (...keywords: string[]) => `
  S: 220 mx
  C: EHLO me
  S: 250-mx
  ${keywords.map((keyword) => `S: 250-${keyword}`).join('\n')}
  S: 250 PIPELINING
`;
const group = (...names: string[]) =>
  ['C: MAIL FROM:<a@example.org>', ...named(...names).map((path) => `C: RCPT TO:<${path}>`)].join('\n');
const text = `
  C: DATA
  S: 354 go on
  C! 4
`;
const bye = 'C: QUIT\nS: 221 bye';

describe('452 after so many recipients (RFC 5321 4.5.3.1.10)', () => {
  test.each(['452 4.5.3 too many', '452 enough', '552 5.5.3 too many', '552 Too many recipients'])(
    'after %s the rest follows in further transactions of the size that fitted',
    async (enough) => {
      const receipt = await dialogue(
        `${offering('SIZE')}
        ${group('b', 'c', 'd', 'e', 'f')}
        S: 250 ok
        S: 250 ok b
        S: 250 ok c
        S: ${enough}
        S: ${enough}
        S: ${enough}
        ${text}
        S: 250 2.0.0 queued as 1
        ${group('d', 'e')}
        S: 250 ok
        S: 250 ok d
        S: 550 5.1.1 no such user
        ${text}
        S: 250 2.0.0 queued as 2
        ${group('f')}
        S: 250 ok
        S: 250 ok f
        ${text}
        S: 250 2.0.0 queued as 3
        ${bye}`,
        {},
        (port) => sendTo(port, named('b', 'c', 'd', 'e', 'f')),
      );
      expect([...receipt.accepted.keys()]).toEqual(named('b', 'c', 'd', 'f'));
      expect([...receipt.rejected.keys()]).toEqual(named('e'));
      expect(receipt.reply.text).toBe('queued as 3');
      expect(receipt.size).toBe(19);
    },
  );

  test.each([
    '452 4.2.2 mailbox full',
    '452 4.3.1 no space',
    '450 too many recipients today',
    '552 5.2.2 mailbox full',
  ])('%s is no such limit: the refusal stands', async (reply) => {
    const receipt = await dialogue(
      `${offering('SIZE')}
        ${group('b', 'c')}
        S: 250 ok
        S: 250 ok
        S: ${reply}
        ${text}
        S: 250 queued
        ${bye}`,
      {},
      (port) => sendTo(port, named('b', 'c')),
    );
    expect([...receipt.rejected.keys()]).toEqual(named('c'));
  });

  test('nobody taken before it: it is a refusal, and nothing is tried again', async () => {
    const error = await dialogue(
      `${offering('SIZE')}
      ${group('b', 'c')}
      S: 250 ok
      S: 452 4.5.3 too many
      S: 452 4.5.3 too many
      ${bye}`,
      {},
      (port) => failureOf(sendTo(port, named('b', 'c'))),
    );
    expect(error).toMatchObject({ name: 'RecipientsError', retryable: true });
  });

  test('a further transaction that takes nobody is the last', async () => {
    const receipt = await dialogue(
      `${offering('SIZE')}
      ${group('b', 'c')}
      S: 250 ok
      S: 250 ok
      S: 452 4.5.3 too many
      ${text}
      S: 250 queued
      ${group('c')}
      S: 250 ok
      S: 452 4.5.3 still too many
      ${bye}`,
      {},
      (port) => sendTo(port, named('b', 'c')),
    );
    expect(receipt.rejected.get('c@example.org')).toMatchObject({ code: 452, text: 'still too many' });
  });

  test.each([
    ['a generator', () => streamOf(['Subject: hi\r\n\r\nhi\r\n'])],
    ['a stream', () => new Blob(['Subject: hi\r\n\r\nhi\r\n']).stream() as unknown as Message],
  ])('%s cannot be read twice: the rest is refused for now', async (_, message) => {
    const receipt = await dialogue(
      `${offering('LIMITS RCPTMAX=1')}
      ${group('b', 'c')}
      S: 250 ok
      S: 250 ok
      S: 452 4.5.3 too many
      ${text}
      S: 250 queued
      ${bye}`,
      {},
      (port) => sendTo(port, named('b', 'c'), message()),
    );
    expect([...receipt.accepted.keys()]).toEqual(named('b'));
    expect(receipt.rejected.get('c@example.org')).toMatchObject({ code: 452 });
  });

  test('a message that reads differently the second time gets no dot', async () => {
    const pieces = ['Subject: hi\r\n\r\nhi\r\n'];
    const receipt = await dialogue(
      `${offering('SIZE')}
      ${group('b', 'c')}
      S: 250 ok
      S: 250 ok
      S: 452 4.5.3 too many
      ${text}
      S: 250 queued
      ${group('c')}
      S: 250 ok
      S: 250 ok
      C: DATA
      S: 354 go on
      *: end`,
      {},
      (port) => sendTo(port, named('b', 'c'), { [Symbol.asyncIterator]: () => streamOf(pieces.splice(0)) }),
    );
    expect([...receipt.accepted.keys()]).toEqual(named('b'));
    expect([...receipt.rejected.keys()]).toEqual(named('c'));
  });

  test('with requireAll nothing is split: it stops before DATA', async () => {
    const error = await dialogue(
      `${offering('SIZE')}
      ${group('b', 'c')}
      S: 250 ok
      S: 250 ok
      S: 452 4.5.3 too many
      ${bye}`,
      {},
      (port) => failureOf(sendTo(port, named('b', 'c'), letter(), { requireAll: true })),
    );
    expect(error).toMatchObject({ name: 'RecipientsError', retryable: true });
  });
});

describe('LIMITS RCPTMAX (RFC 9422)', () => {
  test('is kept without being found out', async () => {
    const receipt = await dialogue(
      `${offering('LIMITS MAILMAX=9 RCPTMAX=2')}
      ${group('b', 'c')}
      S: 250 ok
      S: 250 ok
      S: 250 ok
      ${text}
      S: 250 queued as 1
      ${group('d')}
      S: 250 ok
      S: 250 ok
      ${text}
      S: 250 queued as 2
      ${bye}`,
      {},
      (port) => sendTo(port, named('b', 'c', 'd')),
    );
    expect([...receipt.accepted.keys()]).toEqual(named('b', 'c', 'd'));
  });

  test('the first of them all refused: the next are asked all the same', async () => {
    const receipt = await dialogue(
      `${offering('LIMITS RCPTMAX=1')}
      ${group('b')}
      S: 250 ok
      S: 550 no
      C: RSET
      S: 250 ok
      ${group('c')}
      S: 250 ok
      S: 250 ok
      ${text}
      S: 250 queued
      ${bye}`,
      {},
      (port) => sendTo(port, named('b', 'c')),
    );
    expect([...receipt.accepted.keys()]).toEqual(named('c'));
    expect([...receipt.rejected.keys()]).toEqual(named('b'));
  });

  test('with requireAll more recipients than that stop before MAIL', async () => {
    const error = await dialogue(`${offering('LIMITS RCPTMAX=1')}${bye}`, {}, (port) =>
      failureOf(sendTo(port, named('b', 'c'), letter(), { requireAll: true })),
    );
    expect(error).toMatchObject({ keyword: 'LIMITS', code: 'EUNSUPPORTED' });
  });

  test.each(['RCPTMAX=0', 'RCPTMAX=', 'RCPTMAX=x', 'RCPTMAX=1000000', 'XRCPTMAX=1', 'RCPTMAX'])(
    'LIMITS %s is no limit',
    async (limit) => {
      await dialogue(
        `${offering(`LIMITS ${limit}`)}
        ${group('b', 'c')}
        S: 250 ok
        S: 250 ok
        S: 250 ok
        ${text}
        S: 250 queued
        ${bye}`,
        {},
        (port) => sendTo(port, named('b', 'c')),
      );
    },
  );
});

describe('a further transaction that fails', () => {
  const first = `${offering('LIMITS RCPTMAX=1')}
    ${group('b')}
    S: 250 ok
    S: 250 ok
    ${text}
    S: 250 queued as 1
    C: MAIL FROM:<a@example.org>
    C: RCPT TO:<c@example.org>`;
  const last = `${group('d')}
    S: 250 ok
    S: 250 ok
    ${text}
    S: 250 queued as 2
    ${bye}`;

  test.each([
    ['at MAIL', 'S: 451 4.7.1 slowly\nS: 503 no MAIL', 451],
    ['at DATA', 'S: 250 ok\nS: 250 ok\nC: DATA\nS: 451 4.3.0 no\nC: RSET\nS: 250 ok', 451],
    ['after the dot', `S: 250 ok\nS: 250 ok\n${text}\nS: 554 5.7.1 spam`, 554],
  ])('%s leaves its recipients refused with that reply, and the next are tried', async (_, script, code) => {
    const receipt = await dialogue(`${first}\n${script}\n${last}`, {}, (port) =>
      sendTo(port, named('b', 'c', 'd')),
    );
    expect([...receipt.accepted.keys()]).toEqual(named('b', 'd'));
    expect([...receipt.rejected]).toMatchObject([['c@example.org', { code }]]);
    expect(receipt.reply.text).toBe('queued as 2');
  });

  test('by 421: all the rest is refused with it', async () => {
    const receipt = await dialogue(`${first}\nS: 250 ok\nS: 421 4.3.2 going down`, {}, (port) =>
      sendTo(port, named('b', 'c', 'd')),
    );
    expect([...receipt.accepted.keys()]).toEqual(named('b'));
    expect([...receipt.rejected]).toMatchObject([
      ['c@example.org', { code: 421, enhanced: '4.3.2', text: 'going down' }],
      ['d@example.org', { code: 421 }],
    ]);
    expect(receipt.reply.text).toBe('queued as 1');
  });

  test('by a lost connection before the dot: the rest is refused for now, in our words', async () => {
    const receipt = await dialogue(`${first}\n*: close`, {}, (port) => sendTo(port, named('b', 'c', 'd')));
    expect([...receipt.rejected.keys()]).toEqual(named('c', 'd'));
    expect(receipt.rejected.get('d@example.org')?.code).toBe(451);
    expect(receipt.rejected.get('d@example.org')?.text).toMatch(/^not sent: lost the connection/);
  });

  test('by a lost connection after the dot: in doubt, and the error says who has it', async () => {
    const error = await dialogue(`${first}\nS: 250 ok\nS: 250 ok\n${text}\n*: close`, {}, (port) =>
      failureOf(sendTo(port, named('b', 'c', 'd'))),
    );
    expect(error).toMatchObject({
      delivery: 'in-doubt',
      retryable: false,
      stage: 'eod',
      recipients: { accepted: new Map([['b@example.org', { code: 250 }]]), inDoubt: named('c') },
    });
    expect(String(error)).toContain('b@example.org');
    expect(String(error)).toContain('c@example.org');
  });
});
