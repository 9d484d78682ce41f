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
