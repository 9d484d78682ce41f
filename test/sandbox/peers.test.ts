/** Clients that others wrote, against the sandbox: Python's smtplib and poplib, and curl. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const python = has('python3');
const curl = has('curl');

let sandbox: Sandbox;

async function start(options: SandboxOptions = {}): Promise<void> {
  sandbox = await startSandbox({ username: 'u', password: 'p word', ...options });
}

async function run(program: string, args: string[], input = ''): Promise<string> {
  const child = spawn(program, args, { env: { ...process.env, ...sandbox.environment() } });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString('latin1');
  });
  child.stdin.end(Buffer.from(input, 'latin1'));
  const status = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  expect(status, errors).toBe(0);
  return output;
}

const PRELUDE = `
import hashlib, os, poplib, smtplib, ssl
env = os.environ
user, password = env['MAILTOOL_SMTP_USER'], env['MAILTOOL_SMTP_PASSWORD']
tls = env['MAILTOOL_SMTP_TLS']
context = ssl.create_default_context(cafile=env['MAILTOOL_TLS_CA']) if tls != 'none' else None
def smtp():
    if tls == 'implicit':
        return smtplib.SMTP_SSL('127.0.0.1', int(env['MAILTOOL_SMTP_PORT']), context=context)
    client = smtplib.SMTP(env['SMTP_HOST'], int(env['SMTP_PORT']))
    if tls == 'starttls': client.starttls(context=context)
    return client
def pop3():
    if tls == 'implicit':
        return poplib.POP3_SSL('127.0.0.1', int(env['MAILTOOL_POP3_PORT']), context=context)
    client = poplib.POP3(env['MAILTOOL_POP3_HOST'], int(env['MAILTOOL_POP3_PORT']))
    if tls == 'starttls': client.stls(context=context)
    return client
`;

afterEach(async () => {
  await sandbox?.close();
});

describe.skipIf(!python)(`Python's clients${python ? '' : ' (python3 is not installed)'}`, () => {
  it.each([false, 'starttls', 'implicit'] as const)(
    'send, list, read and delete, with TLS %s',
    async (tls) => {
      await start({ tls });
      const output = await run('python3', [
        '-c',
        `${PRELUDE}
message = b'Subject: x\\r\\n\\r\\n.\\r\\n..two\\r\\n' + bytes(range(0x80, 0x100)) + b'\\r\\n' + b'y' * 900 + b'\\r\\n'
client = smtp()
client.ehlo()
assert client.has_extn('size') and client.has_extn('8bitmime')
client.login(user, password)
print(client.sendmail('a@example.org', ['b@example.org', 'c@example.org'], message, ['BODY=8BITMIME']))
client.quit()
client = pop3()
print(sorted(client.capa())[:3])
client.user(user)
client.pass_(password)
count, size = client.stat()
assert (count, size) == (1, len(message)), (count, size)
assert client.list()[1] == [b'1 %d' % len(message)]
number, uid = client.uidl()[1][0].split()
reply, lines, octets = client.retr(1)
assert b'\\r\\n'.join(lines) + b'\\r\\n' == message, lines
assert client.top(1, 1)[1] == [b'Subject: x', b'', b'.']
client.dele(1)
client.rset()
client.dele(1)
client.quit()
print(uid.decode(), hashlib.sha256(message).hexdigest())
`,
      ]);
      const lines = output.trim().split('\n');
      expect(lines[0]).toBe('{}');
      expect(lines[1]).toBe("['AUTH-RESP-CODE', 'EXPIRE', 'IMPLEMENTATION']");
      expect(sandbox.messages()).toEqual([]);
    },
  );

  it('log in in every way they know', async () => {
    await start({ password: 'p w\u00f6rd' });
    const output = await run('python3', [
      '-c',
      `${PRELUDE}
for mechanism in ('auth_plain', 'auth_login', 'auth_cram_md5'):
    client = smtp()
    client.ehlo()
    client.user, client.password = user, password
    if mechanism == 'auth_cram_md5':
        # smtplib hashes str passwords as ASCII only
        import base64, hmac
        def cram(challenge=None):
            if challenge is None: return None
            return user + ' ' + hmac.new(password.encode(), challenge, 'md5').hexdigest()
        print(client.auth('CRAM-MD5', cram)[0])
    else:
        client.user, client.password = user, 'wrong'
        try: client.auth(mechanism[5:].upper(), getattr(client, mechanism))
        except smtplib.SMTPAuthenticationError as error: print(error.smtp_code)
    client.quit()
client = pop3()
print(client.apop(user, password)[:3])
client.quit()
client = pop3()
client.user(user)
try: client.pass_('wrong')
except poplib.error_proto as error: print(error)
`,
    ]);
    expect(output.trim().split('\n')).toEqual([
      '535',
      '535',
      '235',
      "b'+OK'",
      "b'-ERR [AUTH] invalid user name or password'",
    ]);
  });

  it('get a message of 20 MB with the same digest', async () => {
    await start();
    const output = await run('python3', [
      '-c',
      `${PRELUDE}
poplib._MAXLINE = 10000
message = b'Subject: x\\r\\n\\r\\n' + (b'.' * 76 + b'\\r\\n') * 256000
client = smtp()
client.sendmail('a@example.org', 'b@example.org', message)
client.quit()
client = pop3()
client.user(user)
client.pass_(password)
got = b'\\r\\n'.join(client.retr(1)[1]) + b'\\r\\n'
client.quit()
print(hashlib.sha256(message).hexdigest(), hashlib.sha256(got).hexdigest())
`,
    ]);
    const [sent, got] = output.trim().split(' ');
    expect(got).toBe(sent);
    const bytes = (await sandbox.messages()[0]?.read()) ?? '';
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sent);
  });
});

describe.skipIf(!curl)(`curl${curl ? '' : ' (curl is not installed)'}`, () => {
  it.each([false, 'starttls', 'implicit'] as const)('sends and reads, with TLS %s', async (tls) => {
    await start({ tls });
    const scheme = tls === 'implicit' ? 's' : '';
    const security = tls === false ? [] : ['--ssl-reqd', '--cacert', sandbox.caFile ?? ''];
    const common = ['-sS', '--max-time', '20', ...security, '-u', `u:${sandbox.password}`];
    const message = 'Subject: x\r\n\r\n.\r\n..two\r\n\xff\r\n';
    for (const mechanism of ['PLAIN', 'LOGIN', 'CRAM-MD5']) {
      const envelope = '--mail-from a@example.org --mail-rcpt b@example.org'.split(' ');
      const url = `smtp${scheme}://127.0.0.1:${sandbox.smtp.port}/me`;
      await run(
        'curl',
        [...common, '--login-options', `AUTH=${mechanism}`, ...envelope, '-T', '-', url],
        message,
      );
    }
    const pop3 = `pop3${scheme}://127.0.0.1:${sandbox.pop3.port}`;
    const [first] = sandbox.messages();
    expect((await run('curl', [...common, `${pop3}/`])).split('\r\n')[0]).toBe(`1 ${first?.size}`);
    for (const way of ['+APOP', 'PLAIN', 'LOGIN', 'CRAM-MD5']) {
      expect(await run('curl', [...common, '--login-options', `AUTH=${way}`, `${pop3}/3`])).toBe(message);
    }
    await run('curl', [...common, '-I', '-X', 'DELE', `${pop3}/1`]);
    expect(sandbox.messages()).toHaveLength(2);
  });
});
