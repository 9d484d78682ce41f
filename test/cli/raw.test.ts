import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLines } from '../../src/cli/raw/command-lines.ts';
import { UsageError } from '../../src/errors.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { mailtool, type RunOptions } from './mailtool.ts';
import { onTerminal } from './pseudo-terminal.ts';
import { HANG_UP, lineServer, smtpServer } from './scripted-server.ts';

const raw = (args: readonly string[], options: RunOptions = {}) => mailtool(['raw', ...args], options);
const at = (port: number) => `127.0.0.1:${port}`;

/** A POP3 server that takes everything. */
const pop3Server = (answers: Readonly<Record<string, string>> = {}) =>
  lineServer('+OK hi\r\n', (line) => answers[line] ?? '+OK\r\n');
const pop3Env = (port: number) => ({
  MAILTOOL_POP3_HOST: at(port),
  MAILTOOL_POP3_USER: 'ann',
  MAILTOOL_POP3_PASSWORD: 'open-sesame',
});

describe('raw smtp', () => {
  it('sends the commands one by one, prints the replies, and says goodbye', async () => {
    await using server = await smtpServer({ HELP: '214-see\r\n214 RFC 5321\r\n' });
    const { code, stdout, stderr } = await raw(['smtp', at(server.port), '--', 'NOOP', 'help  me']);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '250 2.1.0 ok\n214-see\n214 RFC 5321\n',
      stderr: '',
    });
    expect(server.lines.slice(1)).toEqual(['NOOP', 'help  me', 'QUIT']);
  });

  it('takes lines of standard input, up to QUIT', async () => {
    await using server = await smtpServer();
    const { code, stdout } = await raw(['smtp', at(server.port)], {
      input: 'NOOP\r\n\nRSET\nQUIT\nNOOP\n',
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '250 2.1.0 ok\n250 2.1.0 ok\n221 bye\n' });
    expect(server.lines.slice(1)).toEqual(['NOOP', 'RSET', 'QUIT']);
  });

  it('answers a line before the next one is typed', async () => {
    await using server = await smtpServer();
    const { code, screen } = await onTerminal(['raw', 'smtp', at(server.port)], {
      input: 'NOOP\nEXPN \nQUIT\n',
    });
    expect(code, screen).toBe(0);
    expect(screen).toContain('250 2.1.0 ok');
    expect(screen).toContain('one command a line');
  });

  it('exits with 1 when a reply was a no, and goes on after it', async () => {
    await using server = await smtpServer({ ETRN: '458 4.0.0 \u001b[31mred\u001b[0m\r\n' });
    const { code, stdout, stderr } = await raw(['smtp', at(server.port), '--', 'ETRN x', 'NOOP']);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '458 4.0.0 ^[[31mred^[[0m\n250 2.1.0 ok\n',
      stderr: '',
    });
  });

  it('says it all in JSON', async () => {
    await using server = await smtpServer({ ETRN: '458 4.4.0 busy\r\n' });
    const { code, stdout } = await raw(['smtp', at(server.port), '--json', '--', 'ETRN x', 'NOOP']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'mailtool.raw/1',
      ok: false,
      protocol: 'smtp',
      port: server.port,
      exchanges: [
        { command: 'ETRN x', ok: false, reply: { code: 458, enhanced: '4.4.0', text: 'busy' }, raw: null },
        { command: 'NOOP', ok: true, text: ['250 2.1.0 ok'] },
      ],
    });
  });

  it('stops at 421', async () => {
    await using server = await smtpServer({ NOOP: '421 going down\r\n' });
    const { code, stdout } = await raw(['smtp', at(server.port), '--', 'NOOP', 'RSET']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '421 going down\n' });
    expect(server.lines).not.toContain('RSET');
  });

  it('a server that leaves is 75, with what it had said', async () => {
    await using server = await smtpServer({ RSET: HANG_UP });
    const { code, stdout } = await raw(['smtp', at(server.port), '--', 'NOOP', 'RSET']);
    expect({ code, stdout }).toEqual({ code: 75, stdout: '250 2.1.0 ok\n' });
  });

  it.each([
    [['smtp', 'HOST', '--', 'NOOP\r\nDATA'], /a control character in NOOP\nhint: /],
    [['smtp', 'HOST', '--', 'NOOP', 'STARTTLS'], /STARTTLS changes the dialogue.*\nhint: .*--smtp-tls/],
    [['smtp', 'HOST', '--', 'auth PLAIN AGFubgBvcGVu'], /AUTH changes the dialogue.*\nhint: .*--login/],
    [['smtp', 'HOST', '--', 'DATA'], /DATA changes the dialogue.*\nhint: .*send --raw/],
    [['smtp', 'HOST', '--', 'BDAT 3 LAST'], /BDAT changes/],
    [['smtp', 'HOST', '--', 'QUIT', 'NOOP'], /nothing can follow QUIT/],
    [['smtp', 'HOST', '--'], /no command/],
    [['smtp', 'HOST', '--', ' '], /empty/],
    [['smtp', 'HOST', 'NOOP'], /too many arguments/],
    [['imap', 'HOST', '--', 'NOOP'], /smtp or pop3/],
  ] as const)('refuses %j before it connects', async (args, message) => {
    await using server = await smtpServer();
    const { code, stdout, stderr } = await raw(
      args.map((word) => (word === 'HOST' ? at(server.port) : word)),
    );
    expect({ code, stdout, lines: server.lines }).toEqual({ code: 64, stdout: '', lines: [] });
    expect(stderr).toMatch(/^mailtool: error: .+\nhint: .+\n$/);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('AGFubgBvcGVu');
  });

  it('leaves politely when a line of standard input cannot go out', async () => {
    await using server = await smtpServer();
    const { code, stdout } = await raw(['smtp', at(server.port)], { input: 'NOOP\nNO\0OP\nRSET\n' });
    expect({ code, stdout }).toEqual({ code: 64, stdout: '250 2.1.0 ok\n' });
    expect(server.lines.slice(1)).toEqual(['NOOP', 'QUIT']);
  });
});

describe('raw pop3', () => {
  it('prints lines up to their dot, exactly', async () => {
    await using server = await pop3Server({
      LANG: '+OK listing\r\nen English\r\n.\r\n',
      'RETR 1': '+OK\r\nSubject: x\r\n\r\n..\tdot\r\n.\r\n',
      'LANG de': '-ERR [X] no\r\n',
      CAPA: '-ERR what?\r\n',
    });
    const commands = ['LANG', 'RETR 1', 'LANG de'];
    const { code, stdout } = await raw(['pop3', at(server.port), '--', ...commands]);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: '+OK listing\nen English\r\n+OK\nSubject: x\r\n\r\n.\tdot\r\n-ERR [X] no\n',
    });
    const { exchanges } = JSON.parse(
      (await raw(['pop3', at(server.port), '--json', '--', ...commands])).stdout,
    );
    expect(Buffer.from(exchanges[1].raw.base64, 'base64').toString()).toBe('Subject: x\r\n\r\n.\tdot\r\n');
    expect(exchanges[2]).toMatchObject({ ok: false, reply: { code: '-ERR', enhanced: 'X' }, raw: null });
  });

  it('--login logs in before; a repeated password is not printed', async () => {
    await using server = await pop3Server({
      CAPA: '-ERR what?\r\n',
      XWHO: '+OK you are ann open-sesame\r\n',
    });
    const args = ['pop3', '--login', '--allow-cleartext-auth'];
    for (const more of [[], ['--json'], ['-vv']]) {
      const { code, stdout, stderr } = await raw([...args, ...more, '--', 'XWHO'], {
        env: pop3Env(server.port),
      });
      expect(code, stderr).toBe(0);
      expect(stdout).toContain('+OK you are ann [redacted]');
      expect(stdout + stderr).not.toContain('open-sesame');
    }
    expect(server.lines.filter((line) => line !== 'CAPA').slice(0, 4)).toEqual([
      'USER ann',
      'PASS open-sesame',
      'XWHO',
      'QUIT',
    ]);
  });

  it('typed credentials are shown nowhere', async () => {
    await using server = await pop3Server({
      CAPA: '-ERR what?\r\n',
      'PASS open sesame': '-ERR [AUTH] not open sesame\r\n',
    });
    const commands = ['--', 'USER annabel', 'PASS open sesame'];
    for (const more of [['--json'], ['-vv']]) {
      const { code, stdout, stderr } = await raw([
        'pop3',
        at(server.port),
        '--allow-cleartext-auth',
        ...more,
        ...commands,
      ]);
      expect(code).toBe(1);
      expect(stdout + stderr).toMatch(/PASS \[redacted 11 bytes\]/);
      expect(stdout + stderr).not.toMatch(/sesame|annabel/);
    }
  });

  it('a deletion is made true by QUIT, or is reported as unknown', async () => {
    for (const [quit, exit] of [
      ['+OK gone\r\n', 0],
      ['-ERR some are left\r\n', 79],
    ] as const) {
      await using server = await pop3Server({ CAPA: '-ERR what?\r\n', QUIT: quit });
      const args = ['pop3', '--login', '--allow-cleartext-auth', '--', 'DELE 1'];
      const { code, stdout } = await raw(args, { env: pop3Env(server.port) });
      expect({ code, stdout }).toEqual({ code: exit, stdout: '+OK\n' });
      expect(server.lines.at(-1)).toBe('QUIT');
    }
  });

  it('after a line that cannot go out nothing is deleted', async () => {
    await using server = await pop3Server({ CAPA: '-ERR what?\r\n' });
    const { code } = await raw(['pop3', '--login', '--allow-cleartext-auth'], {
      env: pop3Env(server.port),
      input: 'DELE 1\nSTLS\n',
    });
    expect(code).toBe(64);
    expect(server.lines.slice(-3)).toEqual(['DELE 1', 'RSET', 'QUIT']);
  });

  it('standard input cannot be both the password and the commands', async () => {
    const { code, stderr } = await raw(
      ['pop3', 'h', '--login', '--pop3-user', 'a', '--pop3-password-stdin'],
      {
        input: 'x',
      },
    );
    expect(code).toBe(64);
    expect(stderr).toMatch(/wanted twice/);
  });
});

describe('against the sandbox, under TLS', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ tls: true });
  });
  afterAll(() => sandbox.close());

  it.each([
    ['smtp', ['NOOP', 'MAIL FROM:<>', 'RSET'], 3],
    ['pop3', ['STAT', 'LIST', 'NOOP', 'QUIT'], 4],
  ] as const)('%s', async (protocol, commands, count) => {
    const { code, stdout, stderr } = await raw([protocol, '--login', '--json', '--', ...commands], {
      env: sandbox.environment(),
    });
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).exchanges).toHaveLength(count);
  });
});

describe('lines of commands', () => {
  const linesOf = async (...chunks: string[]) => {
    const lines: string[] = [];
    const source = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
    })();
    for await (const line of commandLines(source)) lines.push(line);
    return lines;
  };

  it('come whole, however they were cut', async () => {
    expect(await linesOf('NO', 'OP\r', '\n\n  \nRSET')).toEqual(['NOOP', 'RSET']);
    expect(await linesOf('VRFY \xc3', '\xa9\n')).toEqual(['VRFY é']);
    expect(await linesOf()).toEqual([]);
  });

  it('are bounded', async () => {
    await expect(linesOf('x'.repeat(1500), 'x'.repeat(1500))).rejects.toThrow(UsageError);
  });
});
