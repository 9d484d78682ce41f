import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mailtool } from './mailtool.ts';
import { lineServer, type ScriptedServer } from './scripted-server.ts';

/** Takes a message by BDAT, whose lines it answers when the last of them is there. */
let server: ScriptedServer;
beforeAll(async () => {
  server = await lineServer('220 mx\r\n', (line) => {
    if (line.startsWith('EHLO')) return '250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n';
    if (line.startsWith('QUIT')) return '221 bye\r\n';
    if (/^(?:MAIL|RCPT)/.test(line)) return '250 2.1.0 ok\r\n';
    return line === 'the last line' ? '250 2.0.0 queued as 7\r\n' : '';
  });
});
afterAll(() => server[Symbol.asyncDispose]());

describe('send --chunking', () => {
  it('transfers the message by BDAT', async () => {
    const { code, stdout } = await mailtool(
      [
        ...['send', '--chunking', '--json', '-f', 'a@example.org', '-t', 'b@example.org'],
        ...['--smtp-host', '127.0.0.1', '--smtp-port', String(server.port), '-m', 'the last line'],
      ],
      {},
    );
    expect(JSON.parse(stdout)).toMatchObject({ status: 'sent', queueId: '7' });
    expect(code).toBe(0);
    expect(server.lines.some((line) => /^BDAT \d+ LAST$/.test(line))).toBe(true);
    expect(server.lines).not.toContain('DATA');
  });
});

describe('send --lmtp', () => {
  it('says who has it, who does not, and of whom nobody knows', async () => {
    await using lmtp = await lineServer('220 mx LMTP\r\n', (line, socket) => {
      if (line === 'DATA') return '354 go on\r\n';
      if (line.startsWith('RCPT TO:<d@')) return '550 5.1.1 no such user\r\n';
      if (/^(?:LHLO|MAIL|RCPT)/.test(line)) return '250 2.1.0 ok\r\n';
      if (line === '.') socket.end('250 2.1.5 saved\r\n');
      return '';
    });
    const { code, stdout, stderr } = await mailtool([
      ...['send', '--lmtp', '--json', '-f', 'a@example.org', '-m', 'x'],
      ...['b', 'c', 'd'].flatMap((name) => ['-t', `${name}@example.org`]),
      ...['--smtp-host', '127.0.0.1', '--smtp-port', String(lmtp.port)],
    ]);
    expect(code).toBe(79);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'unknown',
      accepted: [{ address: 'b@example.org', reply: { code: 250 } }],
      rejected: [{ address: 'd@example.org', reply: { code: 550 } }],
    });
    expect(stderr).toContain('delivery to <c@example.org> is in doubt; it was taken for <b@example.org>');
  });
});
