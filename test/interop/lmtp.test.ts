import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { json, mailtool, smtpOpen } from './command.ts';
import { receive } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

describeInterop('LMTP to Dovecot', (servers) => {
  const alice = account(servers, 'alice');
  const bob = account(servers, 'bob');
  const send = (marker: string, ...to: string[]) => [
    ...['send', '--lmtp', '--json', '-s', marker, '-H', `X-Marker: ${marker}`, '-m', marker],
    ...to.flatMap((each) => ['-t', each]),
  ];
  const overTcp = smtpOpen(servers, servers.lmtp.port);

  describe.each([
    ['TCP', overTcp],
    [
      'a Unix socket',
      { ...overTcp, MAILTOOL_SMTP_HOST: `unix:${servers.lmtp.socket}`, MAILTOOL_SMTP_PORT: '' },
    ],
  ])('over %s', (_, env) => {
    it('delivers to everybody, each with a reply of their own', async () => {
      const marker = randomUUID();
      const outcome = await mailtool(send(marker, alice.address, bob.address), { env });
      expect(outcome.stderr).toBe('');
      expect(outcome.status).toBe(0);
      const { accepted } = json(outcome) as { accepted: { address: string; reply: { text: string } }[] };
      expect(accepted.map(({ address }) => address)).toEqual([alice.address, bob.address]);
      for (const { address, reply } of accepted) expect(reply.text).toContain(`<${address}>`);
      await receive(servers, alice, marker);
      await receive(servers, bob, marker);
    });

    it('names the one that is refused; the other has it', async () => {
      const marker = randomUUID();
      const outcome = await mailtool(send(marker, alice.address, servers.unknown), { env });
      expect(outcome.status).toBe(67);
      expect(json(outcome)).toMatchObject({
        status: 'partial',
        accepted: [{ address: alice.address }],
        rejected: [{ address: servers.unknown, reply: { code: 550 } }],
      });
      await receive(servers, alice, marker);
    });
  });

  it('is not tried on port 25', async () => {
    const outcome = await mailtool(send(randomUUID(), alice.address), {
      env: { ...overTcp, MAILTOOL_SMTP_PORT: '25' },
    });
    expect(outcome.status).toBe(64);
    expect(outcome.stderr).toContain('LMTP is not spoken on port 25');
  });
});
