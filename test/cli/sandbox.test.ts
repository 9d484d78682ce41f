import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mailtool } from './mailtool.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('sandbox -- CMD', () => {
  it('sets the variables, passes the streams on and returns the code', async () => {
    const { code, stdout, stderr } = await mailtool(
      [
        'sandbox',
        '--',
        'sh',
        '-c',
        'cat; echo "$MAILTOOL_SMTP_PORT $SMTP_PORT $MAILTOOL_POP3_PORT"; echo oops >&2; exit 7',
      ],
      {
        input: 'input\n',
        env: { MAILTOOL_SMTP_URL: 'smtp://real.example.org', MAILTOOL_TLS_CA: '/real.pem', OWN: 'x' },
      },
    );
    expect({ code, stderr }).toEqual({ code: 7, stderr: 'oops\n' });
    const [, smtp, same, pop3] = /^input\n(\d+) (\d+) (\d+)\n$/.exec(stdout) ?? [];
    expect(smtp).toBe(same);
    expect(pop3).toMatch(/^\d+$/);
  });

  it('lets no server of the outer environment shine through', async () => {
    const { stdout } = await mailtool(['sandbox', '--', 'env'], {
      env: { MAILTOOL_SMTP_URL: 'smtp://real.example.org', MAILTOOL_TLS_CA: '/real.pem', OWN: 'x' },
    });
    expect(stdout).not.toMatch(/real/);
    expect(stdout).toMatch(/^OWN=x$/m);
    expect(stdout).toMatch(/^MAILTOOL_SMTP_HOST=127\.0\.0\.1$/m);
  });

  it('returns 128+n after a signal', async () => {
    expect((await mailtool(['sandbox', '--', 'sh', '-c', 'kill -KILL $$'])).code).toBe(137);
  });

  it('returns 127 for a command that is not there, and says so', async () => {
    const { code, stderr } = await mailtool(['sandbox', '--', 'no-such-command-anywhere']);
    expect(code).toBe(127);
    expect(stderr).toMatch(/^mailtool: error: cannot run no-such-command-anywhere.*\nhint: .*\n$/);
  });

  it('passes SIGTERM on, waits, and returns what the command made of it', async () => {
    const { code, stdout } = await mailtool(
      [
        'sandbox',
        '--',
        'sh',
        '-c',
        'trap "echo bye; exit 5" TERM; echo ready >&2; while :; do sleep 0.05; done',
      ],
      { onStderr: (text, kill) => text.includes('ready') && kill('SIGTERM') },
    );
    expect({ code, stdout }).toEqual({ code: 5, stdout: 'bye\n' });
  });

  it('lets a mail tool of any kind log in and send', async () => {
    const script =
      'import os, smtplib; s = smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])); ' +
      's.login(os.environ["MAILTOOL_SMTP_USER"], os.environ["MAILTOOL_SMTP_PASSWORD"]); ' +
      's.sendmail("a@example.org", ["b@example.org"], "Subject: x\\r\\n\\r\\nhi"); s.quit()';
    const { code, stderr } = await mailtool(['sandbox', '-v', '--', 'python3', '-c', script]);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/message \S+ from <a@example\.org> to b@example\.org, \d+ octets/);
  });
});

describe('sandbox alone', () => {
  it('prints variables a shell can read, and ends with the signal', async () => {
    const { code, stdout } = await mailtool(['sandbox', '--print-env', '--password', "it's"], {
      onStderr: (_, kill) => kill('SIGTERM'),
    });
    expect(code).toBe(143);
    expect(stdout).toContain("export MAILTOOL_SMTP_PASSWORD='it'\\''s'\n");
    for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(/^export [A-Z0-9_]+='.*'$/);
  });

  it('writes the ready file in one piece, for the owner alone, and takes it away', async () => {
    const ready = join(dir, 'vars.sh');
    let seen = '';
    const { code } = await mailtool(['sandbox', '--tls', '--ready-file', ready], {
      onStderr: (_, kill) => {
        seen = readFileSync(ready, 'utf8');
        expect(statSync(ready).mode & 0o777).toBe(0o600);
        kill('SIGINT');
      },
    });
    expect(code).toBe(130);
    expect(seen).toMatch(/^export MAILTOOL_SMTP_TLS='starttls'$/m);
    expect(seen).toMatch(/^export MAILTOOL_TLS_CA='.*'\n/m);
    expect(existsSync(ready)).toBe(false);
  });

  it('leaves a file of somebody else alone', async () => {
    const ready = join(dir, 'thesis.txt');
    writeFileSync(ready, 'years of work\n');
    const { code, stderr } = await mailtool(['sandbox', '--ready-file', ready]);
    expect(code).toBe(73);
    expect(stderr).toMatch(/^mailtool: error: .*is there already.*\nhint: /);
    expect(readFileSync(ready, 'utf8')).toBe('years of work\n');
  });

  it.each([
    [['--smtp-port', 'http'], 64],
    [['--smtp-port', '65536'], 64],
    [['--tls', 'maybe'], 64],
    [['--fault', 'lunch:450'], 64],
    [['--preload', '/nonexistent/x.eml'], 66],
    [['--json', '--', 'true'], 64],
  ])('refuses %s with %d', async (args, exit) => {
    const { code, stdout, stderr } = await mailtool(['sandbox', ...args]);
    expect(code, stderr).toBe(exit);
    if (!args.includes('--json')) expect(stdout).toBe('');
    expect(stderr).toMatch(/^mailtool: error: .+\nhint: .+\n$/);
  });
});
