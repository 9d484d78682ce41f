import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { json, mailtool, smtpOpen, workspace } from './command.ts';
import { countDelivered, delivered } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

/**
 * Stands before the server at `behind` and cuts its first connection; later ones it leaves alone. `before`: when this many
 * octets of the client have come, which it does not pass on; `after`: when the dot has reached the server, whose reply it
 * keeps.
 */
async function cutting(
  behind: number,
  where: { readonly before: number } | 'after',
): Promise<AsyncDisposable & { readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer((client) => {
    const first = ++connections === 1;
    const further = connect({ port: behind, host: '127.0.0.1' });
    const cut = () => {
      client.destroy();
      further.destroy();
    };
    for (const socket of [client, further]) socket.on('error', cut).on('close', cut);
    let [octets, tail, over] = [0, '', false];
    client.on('data', (chunk) => {
      octets += chunk.length;
      tail = (tail + chunk.toString('latin1')).slice(-5);
      if (first && where !== 'after' && octets >= where.before) return cut();
      over = first && where === 'after' && tail === '\r\n.\r\n';
      further.write(chunk);
    });
    further.on('data', (chunk) => (over ? cut() : client.write(chunk)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

describeInterop('a connection that is cut on its way to Postfix', (servers) => {
  const sven = account(servers, 'sven');
  /** The message is larger than what two kernels hold for a relay that does not read: its dot is far behind the cut. */
  async function send(port: number, marker: string, ...args: string[]) {
    const files = workspace();
    try {
      const path = join(files.path, 'large.bin');
      writeFileSync(path, Buffer.alloc(16_000_000, 'x'));
      return await mailtool(
        ['send', '--json', '-t', sven.address, '-s', marker, '-m', 'x', '-A', path, ...args],
        { env: smtpOpen(servers, port) },
      );
    } finally {
      files.remove();
    }
  }

  it.each([[[]], [['--retry-for', '60s']]])(
    'after the dot, with %j: 79, unknown, and no second copy',
    async (args) => {
      const marker = randomUUID();
      await using relay = await cutting(servers.smtp.plain, 'after');
      const outcome = await send(relay.port, marker, ...args);
      expect(outcome.status).toBe(79);
      expect(json(outcome)).toMatchObject({
        ok: false,
        status: 'unknown',
        error: { exit: 79, retryable: false },
      });
      expect(relay.connections()).toBe(1);
      await delivered(servers, sven, marker);
      expect(countDelivered(servers, sven, marker)).toBe(1);
    },
  );

  it.each([1, 1_000_000])('before the dot, at octet %i: 75 and no copy; tried again, one', async (before) => {
    const marker = randomUUID();
    await using single = await cutting(servers.smtp.plain, { before });
    const outcome = await send(single.port, marker);
    expect(outcome.status).toBe(75);
    expect(json(outcome)).toMatchObject({ ok: false, status: 'failed', error: { retryable: true } });
    await using again = await cutting(servers.smtp.plain, { before });
    const repeated = await send(again.port, marker, '--retry-for', '60s');
    expect(repeated.status).toBe(0);
    expect(json(repeated)).toMatchObject({ ok: true, status: 'sent' });
    expect(again.connections()).toBe(2);
    await delivered(servers, sven, marker);
    expect(countDelivered(servers, sven, marker)).toBe(1);
  });
});
