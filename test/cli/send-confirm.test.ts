import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type SandboxEvent, startSandbox } from '../../src/sandbox/index.ts';
import { mailtool } from './mailtool.ts';

const SEND = ['send', '-t', 'me@example.org', '-s', 'probe', '-m', 'x', '--confirm'];

/** Sends against a sandbox with these faults; what became of it, and what the sandbox saw. */
async function confirmed(args: readonly string[], faults: readonly string[] = [], env = {}) {
  const events: SandboxEvent[] = [];
  await using sandbox = await startSandbox({ faults, onEvent: (event) => events.push(event) });
  const ran = await mailtool([...SEND, ...args], { env: { ...sandbox.environment(), ...env } });
  return {
    ...ran,
    left: sandbox.messages().length,
    sent: events.filter(({ type }) => type === 'message').length,
    order: events.flatMap((event) => (event.type === 'connect' ? [event.protocol] : [])),
  };
}

describe('--confirm', () => {
  test('looks at the maildrop, sends, and tells how long the message took', async () => {
    const { code, stdout, stderr, order, left } = await confirmed(['-v']);
    expect({ code, stdout, order, left }).toEqual({
      code: 0,
      stdout: '',
      order: ['pop3', 'smtp', 'pop3'],
      left: 1,
    });
    expect(stderr).toMatch(/^it came after \d+\.\d s \(unique-id \S+\)$/m);
  });

  test('is silent under cron, as every success is', async () => {
    expect(await confirmed([])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test('in the document; null where it was not asked for', async () => {
    const { stdout } = await confirmed(['--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      status: 'sent',
      confirmed: { delayMs: expect.any(Number), uid: expect.any(String), polls: 1 },
    });
    await using sandbox = await startSandbox();
    const plain = await mailtool([...SEND.slice(0, -1), '--json'], { env: sandbox.environment() });
    expect(JSON.parse(plain.stdout)).toMatchObject({ ok: true, confirmed: null });
  });

  test('only the very message counts; what has not come in time was sent all the same: 1', async () => {
    await using sandbox = await startSandbox();
    await using other = await startSandbox({ password: sandbox.password });
    let arriving: Promise<unknown> | undefined;
    const ran = await mailtool([...SEND, '--json', '-v', '--confirm-timeout', '4s'], {
      env: { ...sandbox.environment(), MAILTOOL_POP3_PORT: String(other.pop3.port) },
      onStderr: (text) => {
        if (!text.includes('sent <')) return;
        arriving ??= mailtool(['send', '-t', 'a@b.example', '-m', 'x'], { env: other.environment() });
      },
    });
    await arriving;
    expect(other.messages()).toHaveLength(1);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(
      /^mailtool: the message was sent, and has not come to the maildrop within 4s$/m,
    );
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, status: 'sent', confirmed: null, error: null });
  });

  test('--confirm-delete: it is gone afterwards', async () => {
    expect(await confirmed(['--confirm-delete'])).toMatchObject({ code: 0, left: 0 });
    const lost = await confirmed(['--confirm-delete'], ['pop3.quit:lose@2']);
    expect(lost.code).toBe(0);
    expect(lost.stderr).toMatch(/warning: the message came, but may still be in the maildrop/);
    expect((await confirmed(['--confirm-delete', '--read-only'])).code).toBe(64);
    expect(await confirmed(['--confirm-delete'], [], { MAILTOOL_READ_ONLY: 'yes' })).toMatchObject({
      code: 64,
      sent: 0,
    });
  });

  test.each([
    ['a refused password', ['pop3.auth:-ERR [AUTH] no'], 77],
    ['a maildrop in use', ['pop3.auth:-ERR [IN-USE] no'], 75],
    ['no unique-ids', ['capa:hide=UIDL', 'uidl:-ERR no'], 69],
  ])('%s is found out before anything is sent', async (_, faults, code) => {
    const ran = await confirmed(['--json'], faults);
    expect(ran).toMatchObject({ code, sent: 0 });
    expect(ran.stderr).toContain('--confirm: the maildrop cannot be looked at, and so nothing is sent\n');
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, status: 'failed', confirmed: null });
  });

  test('what is not there within the time of the whole run is told with that time', async () => {
    const { code, stderr } = await confirmed(['--deadline', '3s'], ['pop3.greeting:stall@2+']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/the message was sent, and has not come to the maildrop within 3s/);
  });

  test('an account of the configuration file does as well, and is named where it lacks POP3', async () => {
    await using sandbox = await startSandbox();
    const folder = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
    const config = join(folder, 'config.toml');
    const server = (protocol: 'smtp' | 'pop3') =>
      `[accounts.here.${protocol}]\nhost = "127.0.0.1"\nport = ${sandbox[protocol].port}\ntls = "none"\n` +
      `user = "${sandbox.username}"\npassword = "${sandbox.password}"\n`;
    const run = (text: string) => {
      writeFileSync(config, text, { mode: 0o600 });
      return mailtool([...SEND, '--config', config, '-a', 'here'], { env: {} });
    };
    const sends = `[accounts.here]\nfrom = "me@here.example"\n${server('smtp')}`;
    const without = await run(sends);
    expect(without.code).toBe(78);
    expect(without.stderr).toMatch(/--confirm: no POP3 server is set\nhint: .*configuration file/);
    expect(sandbox.messages()).toHaveLength(0);
    expect(await run(`${sends}${server('pop3')}`)).toMatchObject({ code: 0, stderr: '' });
    expect(sandbox.messages()).toHaveLength(1);
    rmSync(folder, { recursive: true });
  });

  test('settings of POP3 that are not there, too; the hint says where they can be', async () => {
    const { code, stderr, sent } = await confirmed([], [], { MAILTOOL_POP3_HOST: '' });
    expect({ code, sent }).toEqual({ code: 78, sent: 0 });
    expect(stderr).toContain('MAILTOOL_POP3_HOST');
    expect(stderr).not.toContain('--pop3-host');
  });

  test('what fails after the message was sent makes no failure of that', async () => {
    const later = await confirmed(['--json'], ['pop3.auth:-ERR [IN-USE] no@2', 'top:drop@1']);
    expect(later.code).toBe(0);
    const never = await confirmed(['--json'], ['pop3.auth:-ERR [AUTH] no@2+']);
    expect(never.code).toBe(1);
    expect(never.stderr).toMatch(/the message was sent, and nobody can say whether it came/);
    expect(JSON.parse(never.stdout)).toMatchObject({ status: 'sent', confirmed: null });
  });

  test('nor does a signal: 130, and the document says that it was sent', async () => {
    await using sandbox = await startSandbox({ faults: ['pop3.greeting:stall@2+'] });
    const { code, stdout, stderr } = await mailtool([...SEND, '--json', '-v'], {
      env: sandbox.environment(),
      onStderr: (text, kill) => text.includes('sent <') && kill('SIGINT'),
    });
    expect(code).toBe(130);
    expect(stderr).toContain('the message was sent; nobody waits');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'sent', error: { code: 'EINTERRUPTED' } });
  });

  test.each([[['--dry-run']], [['--confirm-timeout', 'soon']]])('not with %j: 64', async (args) => {
    expect(await confirmed(args)).toMatchObject({ code: 64, sent: 0 });
  });

  test('its parts go with it only', async () => {
    expect((await mailtool([...SEND.slice(0, -1), '--confirm-delete'])).code).toBe(64);
  });
});
