import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mailtool } from './mailtool.ts';
import { type ScriptedServer, smtpServer } from './scripted-server.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const PLAIN = '250-mx.example.org\r\n250 SIZE 10000000\r\n';

const send = ({ port }: ScriptedServer, args: readonly string[], input?: string) =>
  mailtool(['send', '--smtp-host', '127.0.0.1', '--smtp-port', String(port), '--smtp-tls', 'none', ...args], {
    ...(input === undefined ? {} : { input }),
  });

/** What the server got between DATA and the dot, in octets as Latin-1, and what MAIL said. */
function got({ lines }: ScriptedServer): { mail: string | undefined; data: string } {
  const text = lines.slice(lines.indexOf('DATA') + 1, lines.indexOf('.'));
  return {
    mail: lines.find((line) => line.startsWith('MAIL')),
    data: `${text.map((line) => line.replace(/^\./, '')).join('\r\n')}\r\n`,
  };
}

const RAW =
  'From: a@example.org\nTo: b@example.org\nBcc: c@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n' +
  'Content-Transfer-Encoding: 8bit\n\n--x\nContent-Type: text/plain; charset=utf-8\n\nAll of it is ASCII but for é.\n--x--\n';

describe('send --raw to a server without 8BITMIME', () => {
  it.each(['a file', 'standard input', 'more of it than stays in memory'])(
    'encodes 8-bit parts of %s',
    async (what) => {
      const path = join(dir, 'raw.eml');
      const filler = what.startsWith('more') ? `--x\n\n${'filler\n'.repeat(200_000)}` : '';
      const message = RAW.replace('--x\n', `${filler}--x\n`);
      writeFileSync(path, message);
      await using server = await smtpServer({ EHLO: PLAIN });
      const { code, stdout, stderr } = await (what === 'a file'
        ? send(server, ['--raw', path, '--json'])
        : send(server, ['--raw', '-', '--json'], message));
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const { mail, data } = got(server);
      expect(mail).toBe(`MAIL FROM:<a@example.org> SIZE=${data.length}`);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'sent', size: data.length });
      expect(data).toBe(
        message
          .replace('Bcc: c@example.org\n', '')
          .replace('8bit', '7bit')
          .replace('utf-8\n', 'utf-8\nContent-Transfer-Encoding: quoted-printable\n')
          .replace('é', '=C3=A9')
          .replaceAll('\n', '\r\n'),
      );
    },
  );

  it('sends nothing that is signed, and says what helps', async () => {
    await using server = await smtpServer({ EHLO: PLAIN });
    const { code, stderr } = await send(server, ['--raw', '-'], `DKIM-Signature: v=1\n${RAW}`);
    expect(code).toBe(69);
    expect(stderr).toMatch(/8-bit content.*signed \(DKIM\)/);
    expect(stderr).toMatch(/8BITMIME/);
    expect(got(server).mail).toBeUndefined();
  });
});

describe('send --encoding', () => {
  it.each([
    [[], 'MAIL FROM:<a@example.org> BODY=8BITMIME', '8bit'],
    [['--encoding', '7bit'], 'MAIL FROM:<a@example.org>', 'base64'],
  ])('%j decides with the server', async (args, mail, encoding) => {
    await using server = await smtpServer({ EHLO: '250-mx.example.org\r\n250 8BITMIME\r\n' });
    const to = ['-f', 'a@example.org', '-t', 'b@example.org', '-m', '您好', ...args];
    expect(await send(server, to)).toMatchObject({ code: 0, stderr: '' });
    expect(got(server).mail).toBe(mail);
    expect(got(server).data).toContain(`Content-Transfer-Encoding: ${encoding}\r\n`);
  });

  it('7bit with --raw encodes whatever the server takes, also for --dry-run', async () => {
    await using server = await smtpServer();
    expect(
      await send(server, ['--raw', '-', '--encoding', '7bit', '--smtp-auth', 'none'], RAW),
    ).toMatchObject({
      code: 0,
    });
    expect(got(server).mail).not.toContain('BODY');
    expect(got(server).data).toContain('=C3=A9');
    const { stdout } = await mailtool(['send', '-n', '--raw', '-', '--encoding', '7bit'], { input: RAW });
    expect(stdout).toContain('=C3=A9');
  });

  it('8bit shows in --dry-run', async () => {
    const { stdout } = await mailtool([
      'send',
      '-n',
      '-f',
      'a@example.org',
      '-t',
      'b@example.org',
      '-m',
      'é, and no more',
      '--encoding',
      '8bit',
    ]);
    expect(stdout).toContain('\r\n\r\né, and no more\r\n');
  });

  it.each([
    [['--raw', '-', '--encoding', '8bit']],
    [['-t', 'b@example.org', '-m', 'x', '--encoding', 'binary']],
    [['-t', 'b@example.org', '-m', 'x', '--encoding', 'quoted-printable']],
  ])('%j is a mistake', async (args) => {
    expect((await mailtool(['send', '-n', '-f', 'a@example.org', ...args], { input: RAW })).code).toBe(64);
  });
});
