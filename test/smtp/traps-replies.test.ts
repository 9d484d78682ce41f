import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { dialogue } from '../dialogue.ts';
import { BYE, connect, ENVELOPE, failureOf, letter, opening, sendTo, TRANSACTION } from './traps.ts';

const TEXT = 'C! 4';

describe('trap 4: replies of any shape, one for each command', () => {
  test.each([
    ['whole', 1e6],
    ['in 1-byte packets', 1],
  ])('codes without text, several lines without text, %s', async (_, chunk) => {
    const receipt = await dialogue(
      `
      S: 220
      C: EHLO me
      S: 250-
      S: 250
      C: MAIL FROM:<a@example.org>
      S: 250-
      S: 250-
      S: 250
      C: RCPT TO:<b@example.org>
      S: 250
      C: DATA
      S: 354
      ${TEXT}
      S: 250
      C: QUIT
      S: 221`,
      { chunk },
      (port) => sendTo(port),
    );
    expect(receipt.reply).toMatchObject({ code: 250, text: '' });
  });

  test('lines that do not agree: the last one counts', async () => {
    const receipt = await dialogue(
      `${opening()}
      C! 3
      S: 550-hm
      S: 250 ok
      S: 250-ok
      S: 550 5.1.1 no such user
      S: 250 ok
      C: DATA
      S: 354 go on
      ${TEXT}
      S: 250 ok
      ${BYE}`,
      {},
      (port) => sendTo(port, letter(), { recipients: ['b@example.org', 'c@example.org'] }),
    );
    expect([...receipt.accepted.keys()]).toEqual(['c@example.org']);
    expect(receipt.rejected.get('b@example.org')).toMatchObject({ code: 550, mixed: true });
  });

  test.each([
    ['no UTF-8', 'S- 554 5.7.1 Gr\\xfc\\xdfe \\xe6\\xb1\\r\\n', '5.7.1 Gr��e �'],
    ['UTF-8', 'S: 554 5.7.1 Grüße 汉', '5.7.1 Grüße 汉'],
  ])('%s in 1-byte packets is text all the same', async (_, said, shown) => {
    const error = await dialogue(
      `${opening()}\nC! 2\nS: 250 ok\nS: 250 ok\nC: DATA\n${said}${BYE}`,
      { chunk: 1 },
      (port) => failureOf(sendTo(port)),
    );
    expect(String(error)).toContain(shown);
  });

  test.each([
    ['a line of 5,000 octets', `S: 250 ${'x'.repeat(4996)}`],
    ['a line without an end', `S- 250 ${'x'.repeat(70_000)}`],
    ['201 lines', `${'S: 250-x\n'.repeat(200)}S: 250 x`],
    ['lines without end', 'S: 250-x\n'.repeat(5000)],
  ])('%s: the connection is closed', async (_, said) => {
    const error = await dialogue(`S: 220 mx\nC: EHLO me\n${said}\n*: end`, {}, (port) =>
      failureOf(sendTo(port)),
    );
    expect(error).toMatchObject({ code: 'EPROTO', delivery: 'not-sent' });
  });

  const pair = 'C! 2\nS: 250 ok\nS: 250 ok';
  test.each([
    ['EHLO', opening()],
    ['RCPT', `${opening()}\n${pair}`],
    ['the 354', `${opening()}${TRANSACTION}`],
  ])('a line more than was asked for after %s is not taken for the next answer', async (_, script) => {
    const error = await dialogue(`${script}\nS: 250 2.0.0 queued\n*: end`, {}, (port) =>
      failureOf(sendTo(port)),
    );
    expect(error).toMatchObject({ code: 'EPROTO', delivery: 'not-sent' });
    expect(String(error)).toContain('without being asked');
  });

  test('... nor for the answer to the next message, and the first stays sent', async () => {
    const [receipt, error] = await dialogue(
      `${opening()}${TRANSACTION}\n${TEXT}\nS: 250 queued\nS: 250 once more\n*: end`,
      {},
      async (port) => {
        await using client = await connect(port);
        return [await client.send(ENVELOPE, letter()), await failureOf(client.send(ENVELOPE, letter()))];
      },
    );
    expect(receipt).toMatchObject({ reply: { text: 'queued' } });
    expect(error).toMatchObject({ code: 'EPROTO' });
  });
});

describe('trap 5: every answer of a group is read, and DATA waits for them', () => {
  test.each([
    ['nobody is accepted', 'S: 250 ok\nS: 550 no\nS: 450 later', 'rcpt', 'C: QUIT'],
    ['MAIL is refused, and RCPT taken all the same', 'S: 451 no\nS: 250 ok\nS: 250 ok', 'mail', 'C: QUIT'],
    ['with requireAll one is refused', 'S: 250 ok\nS: 250 ok\nS: 550 no', 'rcpt', 'C: QUIT'],
  ])('%s: there is no DATA', async (what, answers, stage, next) => {
    const error = await dialogue(`${opening()}\nC! 3\n${answers}\n${next}\nS: 221 bye`, {}, (port) =>
      failureOf(
        sendTo(port, letter(), {
          recipients: ['b@example.org', 'c@example.org'],
          requireAll: what.startsWith('with requireAll'),
        }),
      ),
    );
    expect(error).toMatchObject({ stage, delivery: 'not-sent' });
  });

  test('no more than 100 commands wait for their replies', async () => {
    let most = 0;
    const server = createServer((socket) => {
      socket.write('220 mx\r\n');
      socket.on('data', (chunk) => {
        const lines = chunk.toString().split('\r\n').length - 1;
        most = Math.max(most, lines);
        const isEhlo = chunk.toString().startsWith('EHLO');
        const isLast = chunk.toString().includes('DATA');
        socket.write(
          isEhlo ? '250-mx\r\n250 PIPELINING\r\n' : isLast ? '451 no\r\n' : '250 ok\r\n'.repeat(lines),
        );
      });
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const recipients = Array.from({ length: 250 }, (_, n) => `r${n}@example.org`);
    await failureOf(sendTo(port, letter(), { recipients }));
    server.close();
    expect(most).toBeLessThanOrEqual(100);
    expect(most).toBeGreaterThan(1);
  });
});

describe('trap 7: some recipients refused', () => {
  test('the rest has it, 452 is asked again, and each refusal is told with its code', async () => {
    const named = (...names: string[]) => names.map((name) => `${name}@example.org`);
    const receipt = await dialogue(
      `${opening()}
      C! 5
      S: 250 ok
      S: 250 b
      S: 550 5.1.1 no such user
      S: 450 4.2.1 busy
      S: 452 4.5.3 too many
      C: DATA
      S: 354 go on
      ${TEXT}
      S: 250 queued as 1
      C: MAIL FROM:<a@example.org>
      C: RCPT TO:<e@example.org>
      S: 250 ok
      S: 250 e
      C: DATA
      S: 354 go on
      ${TEXT}
      S: 250 queued as 2
      ${BYE}`,
      {},
      (port) => sendTo(port, letter(), { recipients: named('b', 'c', 'd', 'e') }),
    );
    expect([...receipt.accepted.keys()]).toEqual(named('b', 'e'));
    expect([...receipt.rejected]).toMatchObject([
      ['c@example.org', { code: 550, enhanced: '5.1.1' }],
      ['d@example.org', { code: 450, enhanced: '4.2.1' }],
    ]);
  });

  test('in LMTP each has an answer after the dot', async () => {
    const receipt = await dialogue(
      `
      S: 220 mx LMTP
      C: LHLO me
      S: 250-mx
      S: 250 PIPELINING
      C! 3
      S: 250 ok
      S: 250 ok
      S: 250 ok
      C: DATA
      S: 354 go on
      ${TEXT}
      S: 250 saved
      S: 552 5.2.2 mailbox full
      ${BYE}`,
      {},
      (port) =>
        sendTo(port, letter(), {
          recipients: ['b@example.org', 'c@example.org'],
          client: { protocol: 'lmtp' },
        }),
    );
    expect([...receipt.accepted.keys()]).toEqual(['b@example.org']);
    expect(receipt.rejected.get('c@example.org')).toMatchObject({ code: 552 });
  });
});
