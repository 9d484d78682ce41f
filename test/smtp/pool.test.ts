import { describe, expect, test } from 'vitest';
import {
  ConnectionError,
  type MailError,
  RecipientsError,
  RejectedError,
  UnsupportedError,
} from '../../src/errors.ts';
import { Transcript } from '../../src/net/transcript.ts';
import { type Message, type PoolOptions, type SendOptions, SmtpPool } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import { streamOf } from '../feeds.ts';

const named = (...names: string[]) => names.map((name) => `${name}@example.org`);

function letter(text = 'hi\r\n'): Message {
  return { [Symbol.asyncIterator]: () => streamOf([text]) };
}

/** Hands all mails to a pool at once; gives what became of each. */
async function sendAll(
  port: number,
  mails: readonly (readonly string[])[],
  options: Partial<PoolOptions> & { readonly send?: SendOptions; readonly message?: () => Message } = {},
): Promise<unknown[]> {
  await using pool = new SmtpPool({
    host: '127.0.0.1',
    port,
    security: 'none',
    ehlo: 'me',
    idleTimeoutMs: 2000,
    ...options,
  });
  const sent = mails.map((names) =>
    pool.send(
      { reversePath: 'a@example.org', recipients: named(...names) },
      (options.message ?? letter)(),
      options.send,
    ),
  );
  return (await Promise.allSettled(sent)).map((result) =>
    result.status === 'fulfilled'
      ? { accepted: [...result.value.accepted.keys()], rejected: [...result.value.rejected.keys()] }
      : result.reason,
  );
}

const hello = (...keywords: string[]) => `
  S: 220 mx
  C: EHLO me
  ${['mx', ...keywords].map((keyword, at, all) => `S: 250${at < all.length - 1 ? '-' : ' '}${keyword}`).join('\n')}
`;
const pipelining = hello('PIPELINING');
const open = (...names: string[]) =>
  ['C: MAIL FROM:<a@example.org>', ...named(...names).map((path) => `C: RCPT TO:<${path}>`), 'C: DATA'].join(
    '\n',
  );
const body = 'C: hi\nC: .';
const bye = 'C: QUIT\nS: 221 bye';
const taken = (...names: string[]) => ({ accepted: named(...names), rejected: [] });

describe('a row of messages with PIPELINING (RFC 2920 3.1)', () => {
  test('the end of one and the opening of the next leave in one group', async () => {
    const outcome = await dialogue(
      `${pipelining}
      ${open('b')}
      S: 250 ok
      S: 250 ok
      S: 354 go on
      ${body}
      ${open('c', 'd')}
      S: 250 taken
      S: 250 ok
      S: 250 ok
      S: 250 ok
      S: 354 go on
      ${body}
      ${open('e')}
      S: 250 taken
      S: 250 ok
      S: 250 ok
      S: 354 go on
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
      S: 250 ok
      S: 250 ok
      S: 354 go on
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
      S: 250 ok
      S: 250 ok
      S: 354 go on
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
      S: 250 ok
      S: 250 ok
      S: 354 go on
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
      S: 250 ok
      S: 250 ok
      S: 354 go on
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
      S: 250 ok
      S: 250 ok
      S: 354 go on
      ${body}
      ${open('d')}
      S: 250 taken
      S: 250 ok
      S: 250 ok
      S: 354 go on
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
      S: 250 ok
      S: 250 ok
      S: 354 go on
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
    S: 250 ok
    S: 250 ok
    S: 354 go on
    ${body}
    ${open('c')}`;
  const again = `${pipelining}
    ${open('c')}
    S: 250 ok
    S: 250 ok
    S: 354 go on
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
        S: 250 ok
        S: 250 ok
        S: 354 go on
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

describe('a row of messages by BDAT (RFC 3030)', () => {
  const chunking = hello('PIPELINING', 'CHUNKING');
  const chunk = (name: string) => `
    C~ ^MAIL FROM:<a@example.org>( SIZE=4)?$
    C: RCPT TO:<${name}@example.org>
    C: BDAT 4 LAST
    C: hi`;
  const send = { chunking: true };

  test('nothing is waited for between them; what is refused leaves nothing open for the next', async () => {
    const outcome = await dialogue(
      `${chunking}
      ${chunk('b')}
      C: RSET
      ${chunk('c')}
      C: RSET
      ${chunk('d')}
      S: 250 ok
      S: 250 ok
      S: 250 taken
      S: 250 ok
      S: 250 ok
      S: 550 no such user
      S: 503 no recipients
      S: 250 ok
      S: 250 ok
      S: 250 ok
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c'], ['d']], { send, message: sized }),
    );
    expect(outcome).toEqual([taken('b'), expect.any(RecipientsError), taken('d')]);
  });

  test('a connection that is lost leaves those without a verdict in doubt, and nothing is sent again', async () => {
    const [sent, ...doubtful] = await dialogue(
      `${chunking}
      ${chunk('b')}
      C: RSET
      ${chunk('c')}
      C: RSET
      ${chunk('d')}
      S: 250 ok
      S: 250 ok
      S: 250 taken
      S: 250 ok
      S: 250 ok
      *: close`,
      {},
      (port) => sendAll(port, [['b'], ['c'], ['d']], { send, message: sized }),
    );
    expect(sent).toEqual(taken('b'));
    for (const failure of doubtful) expect(failure).toMatchObject({ delivery: 'in-doubt' });
  });

  test('behind 421 the server hears nothing more: all go elsewhere, each once and in order', async () => {
    const outcome = await dialogue(
      [
        `${chunking}
        ${chunk('b')}
        C: RSET
        ${chunk('c')}
        C: RSET
        ${chunk('d')}
        S: 250 ok
        S: 250 ok
        S: 421 closing
        *: close`,
        `${chunking}
        ${chunk('b')}
        C: RSET
        ${chunk('c')}
        C: RSET
        ${chunk('d')}
        S: 250 ok
        S: 250 ok
        S: 250 taken
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 250 taken
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 250 taken
        ${bye}`,
      ],
      {},
      (port) => sendAll(port, [['b'], ['c'], ['d']], { send, message: sized }),
    );
    expect(outcome).toEqual([taken('b'), taken('c'), taken('d')]);
  });

  test.each([
    ['one without a size', letter],
    ['one that can be read but once', () => Object.assign(oneTime(), { size: 4 })],
  ])('%s goes by itself, and the row goes on behind it', async (_, alone) => {
    const messages = [sized(), alone(), sized()];
    const outcome = await dialogue(
      `${chunking}
      ${chunk('b')}
      S: 250 ok
      S: 250 ok
      S: 250 taken
      C~ ^MAIL FROM:<a@example.org>
      C: RCPT TO:<c@example.org>
      S: 250 ok
      S: 250 ok
      C: BDAT 4 LAST
      C: hi
      S: 250 taken
      ${chunk('d')}
      S: 250 ok
      S: 250 ok
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c'], ['d']], { send, message: () => messages.shift() as Message }),
    );
    expect(outcome).toEqual([taken('b'), taken('c'), taken('d')]);
  });

  test('a source that fails has not begun, and takes nobody along', async () => {
    const broken: Message = {
      size: 4,
      async *[Symbol.asyncIterator]() {
        yield Buffer.from('h');
        throw new MailErrorOfSource();
      },
    };
    const messages = [sized(), broken, sized()];
    const outcome = await dialogue(
      `${chunking}
      ${chunk('b')}
      C: RSET
      ${chunk('d')}
      S: 250 ok
      S: 250 ok
      S: 250 taken
      S: 250 ok
      S: 250 ok
      S: 250 ok
      S: 250 taken
      ${bye}`,
      {},
      (port) => sendAll(port, [['b'], ['c'], ['d']], { send, message: () => messages.shift() as Message }),
    );
    expect(outcome).toEqual([taken('b'), expect.any(MailErrorOfSource), taken('d')]);
  });

  test('a window bounds what is under way', async () => {
    let most = 0;
    let under = 0;
    const transcript = new Transcript(({ direction, text }) => {
      if (direction === 'C' && text.startsWith('BDAT')) most = Math.max(most, ++under);
      if (direction === 'S' && text.endsWith('taken')) under--;
    });
    // 4 commands each, and 100 in the window; half of it is read before more leaves.
    const names = Array.from({ length: 36 }, (_, at) => `r${at}`);
    const asked = names.map((name, at) => `${at === 0 ? '' : 'C: RSET'}${chunk(name)}`);
    const told = names.map((_, at) => `${at === 0 ? '' : 'S: 250 ok\n'}S: 250 ok\nS: 250 ok\nS: 250 taken`);
    const script = [asked.slice(0, 25), told.slice(0, 14), asked.slice(25), told.slice(14)].flat();
    await dialogue(`${chunking}${script.join('\n')}\n${bye}`, {}, (port) =>
      sendAll(
        port,
        names.map((name) => [name]),
        { send, message: sized, transcript },
      ),
    );
    expect(most).toBe(25);
  });
});

/** A message whose size is known. */
function sized(): Message {
  return { ...letter(), size: 4 };
}

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

class MailErrorOfSource extends Error {}

/** A message that can be read but once. */
function oneTime(): Message {
  return streamOf(['hi\r\n']);
}
