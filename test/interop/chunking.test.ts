import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { json, mailtool, smtpLogin, smtpOpen, workspace } from './command.ts';
import { pythonReads, receive, sha256 } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

const files = workspace();
afterAll(() => files.remove());

describeInterop('chunks to Postfix', (servers) => {
  const alice = account(servers, 'alice');
  const send = (marker: string, ...more: string[]) => [
    ...['send', '--chunking', '--json', '-s', marker, '-H', `X-Marker: ${marker}`, '-t', alice.address],
    ...more,
  ];

  it('a message of many arrives as it was', async () => {
    const marker = randomUUID();
    const big = randomBytes(3 * 1024 * 1024);
    const path = join(files.path, 'big.bin');
    writeFileSync(path, big);
    const outcome = await mailtool(send(marker, '-A', path, '-v', '-v'), {
      env: smtpLogin(servers, { user: alice, port: servers.smtp.starttls, tls: 'starttls' }),
      stdin: '.\n..dots\n.\nthe end',
    });
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/BDAT 262144$/m);
    expect(outcome.stderr).toMatch(/BDAT \d+ LAST$/m);
    const { raw } = await receive(servers, alice, marker);
    const message = await pythonReads(raw);
    expect(message.defects).toEqual([]);
    expect(raw.toString('latin1')).toContain('\r\n.\r\n..dots\r\n.\r\nthe end\r\n');
    expect(message.parts.map((part) => part.sha256)).toContain(sha256(big));
  });

  it('are not sent to a server that does not offer them', async () => {
    const outcome = await mailtool(send(randomUUID(), '-m', 'x'), {
      env: smtpOpen(servers, servers.smtp.bare),
    });
    expect(outcome.status).toBe(69);
    expect(json(outcome)).toMatchObject({ error: { code: 'EUNSUPPORTED', stage: 'mail' } });
  });
});
