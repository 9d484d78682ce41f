import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { RecipientsError } from '../../src/errors.ts';
import { Transcript } from '../../src/net/transcript.ts';
import type { Message } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import { bye, hello, letter, MailErrorOfSource, oneTime, sendAll, sized, taken } from './pools.ts';

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

  test('421 behind a refused MAIL: that message is refused, the others go elsewhere', async () => {
    const [refused, ...others] = await dialogue(
      [
        `${chunking}
        ${chunk('b')}
        C: RSET
        ${chunk('c')}
        S: 451 not you
        S: 421 closing
        *: end`,
        `${chunking}
        ${chunk('c')}
        S: 250 ok
        S: 250 ok
        S: 250 taken
        ${bye}`,
      ],
      {},
      (port) => sendAll(port, [['b'], ['c']], { send, message: sized }),
    );
    expect(refused).toMatchObject({ name: 'RejectedError', reply: { code: 451 } });
    expect(others).toEqual([taken('c')]);
  });

  test('a connection that is gone before anything could leave is not tried for ever', async () => {
    let connections = 0;
    let gone = Promise.resolve();
    const server = createServer((socket) => {
      connections += 1;
      gone = once(socket, 'close').then(() => undefined);
      if (connections > 5) socket.destroy();
      else socket.once('data', () => socket.end('250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n'));
      socket.write('220 mx\r\n');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const message = () => ({
      size: 4,
      async *[Symbol.asyncIterator]() {
        await gone;
        yield Buffer.from('hi\r\n');
      },
    });
    try {
      const { port } = server.address() as AddressInfo;
      expect(await sendAll(port, [['b']], { send, message })).toMatchObject([
        { name: 'ConnectionError', stage: 'mail', delivery: 'not-sent' },
      ]);
      expect(connections).toBe(2);
    } finally {
      server.close();
    }
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
