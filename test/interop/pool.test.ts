import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { bytesSource, rawMessage } from '../../src/mime/index.ts';
import { SmtpPool } from '../../src/smtp/index.ts';
import { eventually } from '../eventually.ts';
import { poplib } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

const COUNT = 60;

describeInterop('many messages to Postfix', (servers) => {
  const alice = account(servers, 'alice');

  it.each([
    ['in groups', 'plain', { chunking: false }, 1],
    ['by BDAT', 'plain', { chunking: true }, 1],
    ['over two connections', 'plain', { chunking: false }, 2],
    ['to a server that announces nothing', 'bare', { chunking: false }, 1],
  ] as const)(
    '%s: each arrives once and whole, refused ones are told apart',
    async (_, kind, options, connections) => {
      const marker = randomUUID();
      const pool = new SmtpPool({
        host: servers.host,
        port: servers.smtp[kind],
        security: 'none',
        connections,
        messagesPerConnection: 25,
      });
      const sent = await Promise.allSettled(
        Array.from({ length: COUNT }, async (_, at) => {
          const text = `Subject: ${at}\r\nX-Marker: ${marker}\r\n\r\n.\r\n..${'x'.repeat(at)}\r\n`;
          const recipients = at % 6 === 5 ? [servers.unknown] : [alice.address];
          const message = await rawMessage(bytesSource(Buffer.from(text)));
          return await pool.send({ reversePath: 'sender@mail.test', recipients }, message, options);
        }),
      );
      await pool.close();
      const refused = sent.flatMap(({ status }, at) => (status === 'rejected' ? [at] : []));
      expect(refused).toEqual(Array.from({ length: COUNT / 6 }, (_, at) => at * 6 + 5));
      const wanted = Array.from({ length: COUNT }, (_, at) => at).filter((at) => at % 6 !== 5);
      let arrived = await poplib(servers, alice, marker);
      await eventually(async () => {
        if (arrived.length < wanted.length) arrived = await poplib(servers, alice, marker);
        expect(arrived.length).toBeGreaterThanOrEqual(wanted.length);
      });
      const bodies = arrived.map(({ raw }) => raw.toString('latin1').split('\r\n\r\n')[1]);
      expect(bodies.sort()).toEqual(wanted.map((at) => `.\r\n..${'x'.repeat(at)}\r\n`).sort());
    },
  );
});
