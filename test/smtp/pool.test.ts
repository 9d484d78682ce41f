import { describe, expect, test } from 'vitest';
import {
  ConnectionError,
  type MailError,
  RecipientsError,
  RejectedError,
  UnsupportedError,
} from '../../src/errors.ts';
import type { Message } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import {
  body,
  bye,
  hello,
  letter,
  MailErrorOfSource,
  named,
  oneTime,
  open,
  opened,
  pipelining,
  poolAt,
  sendAll,
  taken,
} from './pools.ts';

describe('a row of messages with PIPELINING (RFC 2920 3.1)', () => {
  test('the end of one and the opening of the next leave in one group', async () => {
    const outcome = await dialogue(
      `${pipelining}
      ${open('b')}
      ${opened}
      ${body}
      ${open('c', 'd')}
      S: 250 taken
      S: 250 ok
      ${opened}
      ${body}
      ${open('e')}
      S: 250 taken
      ${opened}
      ${body}
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c', 'd'], ['e']]),
    );
    expect(outcome).toEqual([taken('b'), taken('c', 'd'), taken('e')]);
  });

  test('354 although nobody was accepted: an empty message, to nobody, and then the next', async () => {
    const outcome = await dialogue(
      `${pipelining}
      ${open('b')}
      S: 250 ok
      S: 550 no such user
      S: 354 go on
      C: .
      S: 554 no valid recipients
      ${open('c')}
      ${opened}
      ${body}
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c']]),
    );
    expect(outcome).toEqual([expect.any(RecipientsError), taken('c')]);
  });

  test('354 although the sender was refused: the same', async () => {
    const outcome = await dialogue(
      `${pipelining}
      ${open('b')}
      S: 550 not from you
      S: 503 no
      S: 354 go on
      C: .
      S: 554 no valid recipients
      ${open('c')}
      ${opened}
      ${body}
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c']]),
    );
    expect(outcome).toEqual([expect.any(RejectedError), taken('c')]);
  });

  test('nobody accepted and DATA refused: RSET opens the next', async () => {
    const outcome = await dialogue(
      `${pipelining}
      ${open('b')}
      S: 250 ok
      S: 550 no such user
      S: 503 no recipients
      C: RSET
      ${open('c')}
      S: 250 ok
      ${opened}
      ${body}
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c']]),
    );
    expect(outcome).toEqual([expect.any(RecipientsError), taken('c')]);
  });

  test('a message refused at its end does not touch the next, which is open already', async () => {
    const outcome = await dialogue(
      `${pipelining}
      ${open('b')}
      ${opened}
      ${body}
      ${open('c', 'd')}
      S: 554 looks like spam
      S: 250 ok
      S: 450 later
      S: 250 ok
      S: 354 go on
      ${body}
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c', 'd']]),
    );
    expect(outcome).toEqual([
      expect.objectContaining({ reply: expect.objectContaining({ code: 554 }) }),
      { accepted: named('d'), rejected: named('c') },
    ]);
  });

  test('452: the rest of the recipients come before the next message', async () => {
    const outcome = await dialogue(
      `${pipelining}
      ${open('b', 'c')}
      S: 250 ok
      S: 250 ok
      S: 452 4.5.3 too many
      S: 354 go on
      ${body}
      S: 250 taken
      ${open('c')}
      ${opened}
      ${body}
      ${open('d')}
      S: 250 taken
      ${opened}
      ${body}
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b', 'c'], ['d']]),
    );
    expect(outcome).toEqual([taken('b', 'c'), taken('d')]);
  });

  test('a message that the server cannot take is told so, and the others go', async () => {
    const messages = [{ ...letter(), size: 999 }, letter()];
    const outcome = await dialogue(
      `${hello('SIZE 100', 'PIPELINING')}
      ${open('c')}
      ${opened}
      ${body}
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c']], { message: () => messages.shift() as Message }),
    );
    expect(outcome).toEqual([expect.any(UnsupportedError), taken('c')]);
  });

  test('with requireAll the replies to RCPT are read before DATA', async () => {
    const outcome = await dialogue(
      `${pipelining}
      C: MAIL FROM:<a@example.org>
      C: RCPT TO:<b@example.org>
      C: RCPT TO:<c@example.org>
      S: 250 ok
      S: 250 ok
      S: 550 no such user
      C: RSET
      C: MAIL FROM:<a@example.org>
      C: RCPT TO:<d@example.org>
      S: 250 ok
      S: 250 ok
      S: 250 ok
      C: DATA
      S: 354 go on
      ${body}
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b', 'c'], ['d']], { send: { requireAll: true } }),
    );
    expect(outcome).toEqual([expect.any(RecipientsError), taken('d')]);
  });
});

test('without PIPELINING one command follows the reply to the other', async () => {
  const one = (name: string) => `
    C: MAIL FROM:<a@example.org>
    S: 250 ok
    C: RCPT TO:<${name}@example.org>
    S: 250 ok
    C: DATA
    S: 354 go on
    ${body}
    S: 250 taken`;
  const outcome = await dialogue(`${hello()}${one('b')}${one('c')}\n${bye}`, {}, (port) =>
    sendAll(port, [['b'], ['c']]),
  );
  expect(outcome).toEqual([taken('b'), taken('c')]);
});

describe('a connection that ends', () => {
  const first = `${pipelining}
    ${open('b')}
    ${opened}
    ${body}
    ${open('c')}`;
  const again = `${pipelining}
    ${open('c')}
    ${opened}
    ${body}
    S: 250 taken
    ${bye}`;

  test.each(['close', 'reset'])(
    '%s before the verdict: that message is in doubt, the opened one goes elsewhere',
    async (how) => {
      const [doubtful, other] = await dialogue([`${first}\n*: ${how}`, again], {}, (port) =>
        sendAll(port, [['b'], ['c']]),
      );
      expect(doubtful).toBeInstanceOf(ConnectionError);
      expect((doubtful as MailError).delivery).toBe('in-doubt');
      expect(other).toEqual(taken('c'));
    },
  );

  test('421 in place of the verdict: a refusal of that message, and the opened one goes elsewhere', async () => {
    const [refused, other] = await dialogue(
      [`${first}\nS: 421 enough for today\n*: close`, again],
      {},
      (port) => sendAll(port, [['b'], ['c']], { message: oneTime }),
    );
    expect(refused).toMatchObject({ delivery: 'not-sent', reply: { code: 421 } });
    expect(other).toEqual(taken('c'));
  });

  test('421 to the opening behind a verdict: the message goes elsewhere', async () => {
    const outcome = await dialogue(
      [`${first}\nS: 250 taken\nS: 421 no more in one session\n*: close`, again],
      {},
      (port) => sendAll(port, [['b'], ['c']]),
    );
    expect(outcome).toEqual([taken('b'), taken('c')]);
  });

  test('a command that cannot be written fails its own message, before the end of the one ahead', async () => {
    const [sent, failure] = await dialogue(
      `${hello('PIPELINING', 'AUTH PLAIN')}\n${open('b')}\nS: 250 ok\nS: 250 ok\nS: 354 go\n${body}\nS: 250 taken\n${bye}`,
      {},
      async (port) => {
        await using pool = poolAt(port);
        const envelope = { reversePath: 'a@example.org', recipients: named('b') };
        const wishes = { authSender: 'x'.repeat(3000) };
        return Promise.allSettled([pool.send(envelope, letter()), pool.send(envelope, letter(), { wishes })]);
      },
    );
    expect(sent).toMatchObject({ status: 'fulfilled' });
    expect(failure).toMatchObject({ reason: { name: 'UsageError', delivery: 'not-sent' } });
  });

  test('421 to the message that goes to nobody: what waits goes elsewhere', async () => {
    const [nobody, other] = await dialogue(
      [
        `${pipelining}\n${open('b')}\nS: 250 ok\nS: 550 no\nS: 354 go\nC: .\nS: 421 enough\n*: end`,
        `${pipelining}\n${open('c')}\nS: 250 ok\nS: 250 ok\nS: 354 go\n${body}\nS: 250 taken\n${bye}`,
      ],
      {},
      (port) => sendAll(port, [['b'], ['c']]),
    );
    expect(nobody).toBeInstanceOf(RecipientsError);
    expect(other).toEqual(taken('c'));
  });

  test('twice before anything was sent: the message fails, and was not sent', async () => {
    const hangsUp = `${pipelining}\n${open('b')}\n*: close`;
    const [failure] = await dialogue([hangsUp, hangsUp], {}, (port) => sendAll(port, [['b']]));
    expect(failure).toMatchObject({ delivery: 'not-sent' });
  });

  test('a source that fails takes only its own message along', async () => {
    const broken: Message = {
      async *[Symbol.asyncIterator]() {
        yield Buffer.from('half\r\n');
        throw new MailErrorOfSource();
      },
    };
    const messages = [broken, letter()];
    const [failure, other] = await dialogue(
      [
        `${pipelining}
        ${open('b')}
        ${opened}
        *: end`,
        again,
      ],
      {},
      (port) => sendAll(port, [['b'], ['c']], { message: () => messages.shift() as Message }),
    );
    expect(failure).toBeInstanceOf(MailErrorOfSource);
    expect(other).toEqual(taken('c'));
  });

  test('a server that cannot be reached fails everything that waits', async () => {
    const outcomes = await sendAll(1, [['b'], ['c']]);
    expect(outcomes).toEqual([expect.any(ConnectionError), expect.any(ConnectionError)]);
  });
});

test('after so many messages a new connection is opened', async () => {
  const one = (...names: string[]) => `
    ${pipelining}
    ${names.map((name, at) => `${open(name)}\n${at > 0 ? 'S: 250 taken\n' : ''}S: 250 ok\nS: 250 ok\nS: 354 go on\n${body}`).join('\n')}
    S: 250 taken
    ${bye}`;
  const outcome = await dialogue([one('b', 'c'), one('d')], {}, (port) =>
    sendAll(port, [['b'], ['c'], ['d']], { messagesPerConnection: 2 }),
  );
  expect(outcome).toEqual([taken('b'), taken('c'), taken('d')]);
});

test('by LMTP the replies to RCPT are read before DATA: to nobody there would be none behind the dot', async () => {
  const outcome = await dialogue(
    `${pipelining.replace('EHLO', 'LHLO')}
    C: MAIL FROM:<a@example.org>
    C: RCPT TO:<b@example.org>
    S: 250 ok
    S: 550 no such user
    C: RSET
    C: MAIL FROM:<a@example.org>
    C: RCPT TO:<c@example.org>
    S: 250 ok
    S: 250 ok
    S: 250 ok
    C: DATA
    S: 354 go on
    ${body}
    S: 250 taken
    ${bye}`,
    {},
    (port) => sendAll(port, [['b'], ['c']], { protocol: 'lmtp' }),
  );
  expect(outcome).toEqual([expect.any(RecipientsError), taken('c')]);
});
