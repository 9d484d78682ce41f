import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { MailError } from '../../src/errors.ts';
import { Pop3Client } from '../../src/pop3/index.ts';
import { collect } from '../feeds.ts';
import { options } from './scripts.ts';

/** What the server says, in answer to each line of a session that takes one message and deletes it. */
const ANSWERS = [
  '+OK ready\r\n',
  '+OK\r\nUIDL\r\nPIPELINING\r\n.\r\n',
  '+OK\r\n',
  '+OK\r\n',
  '+OK\r\nUIDL\r\nPIPELINING\r\n.\r\n',
  '+OK\r\n1 20\r\n2 20\r\n.\r\n',
  '+OK\r\n1 a\r\n2 b\r\n.\r\n',
  '+OK\r\none\r\n..\r\n.\r\n',
  '+OK\r\n..two\r\n\r\n.\r\n',
  '+OK\r\n',
  '+OK\r\n',
  '+OK\r\n',
];
const TOTAL = ANSWERS.join('').length;
const WHOLE = ['one\r\n.\r\n', '.two\r\n\r\n'];

type Fault = 'end' | 'reset' | 'garbage';

/** A server that does `fault` after so many octets. */
async function faulty(after: number, fault: Fault): Promise<{ port: number; close: () => void }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.setNoDelay();
    socket.on('error', () => undefined);
    let room = after;
    let next = 0;
    const say = () => {
      const answer = ANSWERS[next++] ?? '';
      socket.write(answer.slice(0, room));
      room -= answer.length;
      if (room > 0 || socket.writableEnded) return;
      room = 0;
      if (fault === 'end') socket.end();
      else if (fault === 'garbage') socket.end('\0\xff garbage\r\n');
      else socket.resetAndDestroy();
    };
    say();
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const _ of text.matchAll(/\n/g)) say();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Takes both messages and deletes them; tells of every message that it took for whole. */
async function take(port: number, whole: (message: string) => void): Promise<void> {
  const client = await Pop3Client.connect(options(port));
  try {
    await client.list();
    await client.uidl();
    for await (const { bytes, error } of client.retrs([1, 2])) {
      if (error !== undefined) throw error;
      whole((await collect(bytes)).toString('latin1'));
    }
    const refused = await client.deles([1, 2]);
    for (const error of refused.values()) throw error;
    await client.quit();
  } finally {
    client.close();
  }
}

test.each<Fault>(['end', 'reset', 'garbage'])(
  'after every octet of a session, %s: no success, no half message, and no doubt but at QUIT',
  async (fault) => {
    for (let after = 0; after < TOTAL; after++) {
      const server = await faulty(after, fault);
      const seen: string[] = [];
      const error = await take(server.port, (message) => seen.push(message)).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      server.close();
      const at = `${fault} after ${after} octets: ${String(error)}`;
      expect(error, at).toBeInstanceOf(MailError);
      expect(WHOLE.slice(0, seen.length), at).toEqual(seen);
      // A message can only be whole when every octet of its answer was there.
      const needed = ANSWERS.slice(0, 7 + seen.length).join('').length;
      if (seen.length > 0) expect(after, at).toBeGreaterThanOrEqual(needed);
      if (after < TOTAL - (ANSWERS.at(-1)?.length ?? 0)) {
        // The last DELE has not been confirmed: QUIT was never said.
        expect(error, at).toMatchObject({ delivery: 'not-sent' });
      } else {
        expect(error, at).toMatchObject({ delivery: 'in-doubt', stage: 'quit' });
      }
    }
  },
  120_000,
);
