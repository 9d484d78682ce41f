import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isLoopback, serverAccount } from '../../src/config/account.ts';
import { readSecret } from '../../src/config/secret.ts';
import { ConfigError, type MailError } from '../../src/errors.ts';
import { type Given, load } from './load.ts';

const login = { MAILTOOL_SMTP_USER: 'u', MAILTOOL_SMTP_PASSWORD: 's3cret' };
const smtp = async (given: Given) => serverAccount(await load(given), 'smtp');
const pop3 = async (given: Given) => serverAccount(await load(given), 'pop3');

async function refusal(given: Given, protocol: 'smtp' | 'pop3' = 'smtp'): Promise<MailError> {
  try {
    serverAccount(await load(given), protocol);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('host, port and TLS', () => {
  it.each([
    ['mail.example.org', undefined, undefined, 587, 'starttls'],
    ['mail.example.org', undefined, 'implicit', 465, 'implicit'],
    ['mail.example.org', undefined, 'none', 25, 'none'],
    ['mail.example.org', '465', undefined, 465, 'implicit'],
    ['mail.example.org', '25', undefined, 25, 'starttls'],
    ['mail.example.org', '995', undefined, 995, 'starttls'],
    ['mail.example.org:2525', undefined, 'implicit', 2525, 'implicit'],
    ['mail.example.org:465', undefined, 'starttls', 465, 'starttls'],
    ['localhost', undefined, undefined, 25, 'none'],
    ['localhost:2525', undefined, undefined, 2525, 'none'],
    ['127.0.0.1', '465', undefined, 465, 'implicit'],
    ['[::1]:587', undefined, undefined, 587, 'none'],
    ['localhost', undefined, 'starttls', 587, 'starttls'],
  ])('%s port %s tls %s', async (host, port, tls, expectedPort, security) => {
    const given = { MAILTOOL_SMTP_HOST: host, MAILTOOL_SMTP_PORT: port, MAILTOOL_SMTP_TLS: tls };
    expect(await smtp({ env: given })).toMatchObject({ port: expectedPort, security });
  });

  it.each([
    ['pop.example.org', undefined, undefined, 110, 'starttls'],
    ['pop.example.org', undefined, 'implicit', 995, 'implicit'],
    ['pop.example.org', undefined, 'none', 110, 'none'],
    ['pop.example.org', '995', undefined, 995, 'implicit'],
    ['pop.example.org', '465', undefined, 465, 'starttls'],
    ['127.0.0.1', undefined, undefined, 110, 'none'],
  ])('POP3: %s port %s tls %s', async (host, port, tls, expectedPort, security) => {
    const account = await pop3({
      env: {
        MAILTOOL_POP3_HOST: host,
        MAILTOOL_POP3_PORT: port,
        MAILTOOL_POP3_TLS: tls,
        MAILTOOL_POP3_USER: 'u',
        MAILTOOL_POP3_PASSWORD: 'p',
      },
    });
    expect(account).toMatchObject({ port: expectedPort, security });
  });

  it.each([
    ['smtps://me@h.example:2465', 'h.example', 2465, 'implicit', 'me'],
    ['smtps://me@h.example', 'h.example', 465, 'implicit', 'me'],
    ['smtp://me@h.example', 'h.example', 587, 'starttls', 'me'],
    ['smtp://me@h.example:465', 'h.example', 465, 'implicit', 'me'],
    ['smtp://me@[::1]:25', '::1', 25, 'none', 'me'],
  ])('%s', async (url, host, port, security, username) => {
    const account = await smtp({ env: { MAILTOOL_SMTP_URL: url, MAILTOOL_SMTP_PASSWORD: 'p' } });
    expect(account).toMatchObject({ host, port, security, username });
  });

  it('a URL leaves user, TLS and port to its own layer where it does not say them', async () => {
    const env = {
      MAILTOOL_SMTP_URL: 'smtp://h.example',
      ...login,
      MAILTOOL_SMTP_TLS: 'none',
      MAILTOOL_SMTP_PORT: '26',
    };
    expect(await smtp({ env })).toMatchObject({ port: 26, security: 'none', username: 'u' });
  });

  it('a URL takes neither port nor TLS from a lower layer, but the user', async () => {
    const dotenv =
      'MAILTOOL_SMTP_PORT=26\nMAILTOOL_SMTP_TLS=none\nMAILTOOL_SMTP_HOST=low\nMAILTOOL_SMTP_USER=low';
    const env = { MAILTOOL_SMTP_URL: 'smtp://h.example', MAILTOOL_SMTP_PASSWORD: 'p' };
    expect(await smtp({ env, dotenv })).toMatchObject({
      host: 'h.example',
      port: 587,
      security: 'starttls',
      username: 'low',
    });
  });

  it('a flag replaces its part of a URL, and a port in a host that of a lower layer', async () => {
    const env = { MAILTOOL_SMTP_URL: 'smtps://me@h.example:465', MAILTOOL_SMTP_PASSWORD: 'p' };
    expect(await smtp({ env, flags: { 'smtp.host': 'o.example' } })).toMatchObject({
      host: 'o.example',
      port: 465,
      security: 'implicit',
    });
    expect(await smtp({ env, flags: { 'smtp.user': 'you' } })).toMatchObject({
      host: 'h.example',
      username: 'you',
    });
    expect(
      await smtp({ env: { MAILTOOL_SMTP_PORT: '465' }, flags: { 'smtp.host': 'o.example:26' } }),
    ).toMatchObject({ port: 26, security: 'starttls' });
  });

  it.each([
    [
      { MAILTOOL_SMTP_URL: 'smtp://h', MAILTOOL_SMTP_HOST: 'h' },
      'the host is said twice: environment MAILTOOL_SMTP_URL and environment MAILTOOL_SMTP_HOST',
    ],
    [{ MAILTOOL_SMTP_URL: 'smtp://h:1', MAILTOOL_SMTP_PORT: '1' }, 'the port is said twice'],
    [{ MAILTOOL_SMTP_HOST: 'h:1', MAILTOOL_SMTP_PORT: '2' }, 'the port is said twice'],
    [{ MAILTOOL_SMTP_URL: 'smtps://h', MAILTOOL_SMTP_TLS: 'none' }, 'the TLS mode is said twice'],
    [{ MAILTOOL_SMTP_URL: 'smtp://a@h', MAILTOOL_SMTP_USER: 'b' }, 'the user is said twice'],
  ])('%j in one layer', async (env, message) => {
    const error = await refusal({ env });
    expect(error.message).toContain(message);
    expect(error.hint).toBe('leave one of them out');
  });

  it('says what to set when there is no host', async () => {
    expect(await refusal({})).toMatchObject({
      message: 'no SMTP server is set',
      hint: 'give --smtp-host or MAILTOOL_SMTP_HOST',
      stage: 'config',
      retryable: false,
    });
    expect((await refusal({ env: { MAILTOOL_SMTP_HOST: 'h' } }, 'pop3')).hint).toBe(
      'give --pop3-host or MAILTOOL_POP3_HOST',
    );
  });

  it.each([
    ...[
      'localhost',
      'LOCALHOST',
      '127.0.0.1',
      '127.255.255.255',
      '::1',
      '0:0:0:0:0:0:0:1',
      '::0001',
      '::ffff:127.0.0.1',
    ],
    '/run/dovecot/lmtp',
  ])('%s is this machine', (host) => expect(isLoopback(host)).toBe(true));
  it.each([
    ...[
      'localhost.example.org',
      'x.localhost',
      'localhost.',
      'xlocalhost',
      '127.0.0.1.example.org',
      '127.1',
      '1127.0.0.1',
    ],
    ...[
      '127.0.0.256',
      '128.0.0.1',
      '10.0.0.1',
      '::2',
      '1::1',
      '::11',
      '1',
      '',
      '::',
      '0.0.0.0',
      '::1%eth0',
      '::ffff:1.2.3.4',
    ],
  ])('%j is not', (host) => expect(isLoopback(host)).toBe(false));
});

describe('logging in', () => {
  const host = { MAILTOOL_SMTP_HOST: 'h.example' };

  it('needs nothing for SMTP where nothing is set', async () => {
    const account = await smtp({ env: host });
    expect(account).toMatchObject({ username: undefined, secret: undefined, mechanism: undefined });
    expect(await readSecret(account, { warn() {} })).toBeUndefined();
  });

  it('takes user, password and mechanism', async () => {
    const account = await smtp({ env: { ...host, ...login, MAILTOOL_SMTP_AUTH: 'cram-md5' } });
    expect(account).toMatchObject({ username: 'u', mechanism: 'CRAM-MD5', secret: { kind: 'text' } });
    expect(await readSecret(account, { warn() {} })).toBe('s3cret');
  });

  it('needs a user and a password for POP3, but not to look at the server', async () => {
    const env = { MAILTOOL_POP3_HOST: 'h.example' };
    expect(await refusal({ env }, 'pop3')).toMatchObject({
      message: 'no user is set for POP3',
      hint: 'give --pop3-user or MAILTOOL_POP3_USER; or --pop3-auth none to go without logging in',
    });
    const settings = await load({
      env: { ...env, MAILTOOL_POP3_PASSWORD: 'p' },
      dotenv: 'MAILTOOL_POP3_PORT=1',
    });
    expect(serverAccount(settings, 'pop3', { login: false })).toMatchObject({
      mechanism: 'none',
      username: undefined,
      secret: undefined,
    });
  });

  it.each([
    [
      { MAILTOOL_SMTP_USER: 'u' },
      'there is a user for SMTP, but no password',
      'MAILTOOL_SMTP_PASSWORD, or --smtp-password-file or MAILTOOL_SMTP_PASSWORD_FILE',
    ],
    [
      { MAILTOOL_SMTP_PASSWORD: 's3cret' },
      'there is a password for SMTP (environment MAILTOOL_SMTP_PASSWORD), but no user',
      '--smtp-user',
    ],
    [{ MAILTOOL_SMTP_AUTH: 'plain' }, 'no user is set for SMTP', '--smtp-user'],
  ])('%j is incomplete', async (env, message, hint) => {
    const error = await refusal({ env: { ...host, ...env } });
    expect(error.message).toBe(message);
    expect(error.hint).toContain(hint);
    expect(error.hint).toContain('--smtp-auth none');
  });

  it('none leaves everything aside, and with it the trust rule', async () => {
    const given = { env: login, dotenv: 'MAILTOOL_SMTP_HOST=h.example', flags: { 'smtp.auth': 'none' } };
    expect(await smtp(given)).toMatchObject({ mechanism: 'none', username: undefined, secret: undefined });
  });

  it.each(['external', 'anonymous'])('%s needs no password, and takes none', async (mechanism) => {
    const env = { ...host, MAILTOOL_SMTP_AUTH: mechanism };
    expect(await smtp({ env })).toMatchObject({ mechanism: mechanism.toUpperCase(), secret: undefined });
    expect(await smtp({ env: { ...env, ...login } })).toMatchObject({ username: 'u', secret: undefined });
  });

  const token = { MAILTOOL_SMTP_USER: 'u', MAILTOOL_SMTP_TOKEN: 's3cret-t0ken' };

  it.each(['auto', 'xoauth2', 'OAuthBearer'])('takes a token with %s', async (mechanism) => {
    const account = await smtp({ env: { ...host, ...token, MAILTOOL_SMTP_AUTH: mechanism } });
    expect(account.secret).toMatchObject({ kind: 'text', noun: 'token' });
    expect(await readSecret(account, { warn() {} })).toBe('s3cret-t0ken');
  });

  it('takes a token from a command, for POP3 too', async () => {
    const env = {
      MAILTOOL_POP3_HOST: 'h.example',
      MAILTOOL_POP3_USER: 'u',
      MAILTOOL_POP3_TOKEN_CMD: 'echo s3cret-t0ken',
    };
    const account = await pop3({ env });
    expect(account.secret).toMatchObject({ kind: 'command', noun: 'token' });
    expect(await readSecret(account, { warn() {} })).toBe('s3cret-t0ken');
    const broken = await pop3({ env: { ...env, MAILTOOL_POP3_TOKEN_CMD: 'printf "s3cret\\001x"' } });
    await expect(readSecret(broken, { warn() {} })).rejects.toThrow(
      /^environment MAILTOOL_POP3_TOKEN_CMD: a token cannot have/,
    );
  });

  it.each([
    [
      { ...token, MAILTOOL_SMTP_PASSWORD: 's3cret' },
      'there are a password and a token: environment MAILTOOL_SMTP_PASSWORD and environment MAILTOOL_SMTP_TOKEN',
    ],
    [
      { ...token, MAILTOOL_SMTP_PASSWORD_FILE: '/f' },
      'there are a password and a token: environment MAILTOOL_SMTP_PASSWORD_FILE and environment MAILTOOL_SMTP_TOKEN',
    ],
    [
      { ...token, MAILTOOL_SMTP_TOKEN_CMD: 'c' },
      'the token is said twice: environment MAILTOOL_SMTP_TOKEN and environment MAILTOOL_SMTP_TOKEN_CMD',
    ],
    [
      { MAILTOOL_SMTP_TOKEN: 's3cret' },
      'there is a token for SMTP (environment MAILTOOL_SMTP_TOKEN), but no user',
    ],
    [
      { ...token, MAILTOOL_SMTP_AUTH: 'plain' },
      'PLAIN takes a password, not a token (environment MAILTOOL_SMTP_TOKEN)',
    ],
    [
      { ...login, MAILTOOL_SMTP_AUTH: 'xoauth2' },
      'XOAUTH2 takes a token, not a password (environment MAILTOOL_SMTP_PASSWORD)',
    ],
    [
      { MAILTOOL_SMTP_USER: 'u', MAILTOOL_SMTP_AUTH: 'oauthbearer' },
      'there is a user for SMTP, but no token for OAUTHBEARER',
    ],
  ])('%j is a contradiction, or not all', async (env, message) => {
    const error = await refusal({ env: { ...host, ...env } });
    expect(error.message).toBe(message);
    expect(error.hint).toMatch(/leave one of them out|MAILTOOL_SMTP_|--smtp-/);
    expect(inspect(error) + error.hint).not.toContain('s3cret');
  });

  it('has a token or password of a higher layer replace that of a lower', async () => {
    const dotenv = 'MAILTOOL_SMTP_PASSWORD=low\nMAILTOOL_SMTP_USER=low';
    expect((await smtp({ env: { ...host, ...token }, dotenv })).secret?.noun).toBe('token');
    const flags = { 'smtp.password-file': '/f' };
    expect((await smtp({ env: { ...host, ...token }, flags })).secret?.noun).toBe('password');
  });

  it('takes one source of the password', async () => {
    const env = { ...host, ...login };
    for (const other of [{ MAILTOOL_SMTP_PASSWORD_FILE: '/f' }, { MAILTOOL_SMTP_PASSWORD_CMD: 'c' }]) {
      expect((await refusal({ env: { ...env, ...other } })).message).toMatch(
        /^the password is said twice: environment MAILTOOL_SMTP_PASSWORD and environment MAILTOOL_SMTP_PASSWORD_(FILE|CMD)$/,
      );
    }
    const error = await refusal({ env, flags: { 'smtp.password-stdin': true, 'smtp.password-cmd': 'c' } });
    expect(error.message).toContain('flag --smtp-password-cmd and flag --smtp-password-stdin');
  });

  it.each([
    ['smtp.password-file', '/f', 'file'],
    ['smtp.password-cmd', 'c', 'command'],
    ['smtp.password-stdin', true, 'stdin'],
  ] as const)('%s of a flag goes over the password of the environment', async (key, value, kind) => {
    const account = await smtp({ env: login, flags: { 'smtp.host': 'h.example', [key]: value } });
    expect(account.secret).toMatchObject({ kind, place: `flag --${key.replace('.', '-')}` });
  });

  it('does not mind two sources in a layer that is not asked', async () => {
    const env = { ...login, MAILTOOL_SMTP_PASSWORD_CMD: 'c' };
    const account = await smtp({ env, flags: { 'smtp.host': 'h', 'smtp.password-file': '/f' } });
    expect(account.secret?.kind).toBe('file');
  });
});

describe('the rest of an account', () => {
  const env = { MAILTOOL_SMTP_HOST: 'h.example' };

  it('has clear text allowed where it was typed, and on this machine', async () => {
    expect((await smtp({ env })).allowCleartextAuth).toBe(false);
    expect((await smtp({ env, flags: { 'allow-cleartext-auth': true } })).allowCleartextAuth).toBe(true);
    expect((await smtp({ env: { MAILTOOL_SMTP_HOST: 'localhost' } })).allowCleartextAuth).toBe(true);
  });

  it('has the times', async () => {
    expect(await smtp({ env })).toMatchObject({
      connectTimeoutMs: undefined,
      idleTimeoutMs: undefined,
      deadlineMs: undefined,
    });
    expect(await smtp({ env: { ...env, MAILTOOL_TIMEOUT: '5' }, flags: { deadline: '1m' } })).toMatchObject({
      connectTimeoutMs: 5000,
      idleTimeoutMs: 5000,
      deadlineMs: 60_000,
    });
    expect(await smtp({ env, flags: { timeout: '10m' } })).toMatchObject({
      connectTimeoutMs: 20_000,
      idleTimeoutMs: 600_000,
    });
  });

  it('has the TLS settings', async () => {
    expect((await smtp({ env })).tls).toEqual({});
    const account = await smtp({
      env: {
        ...env,
        MAILTOOL_TLS_CERT: 'c.pem',
        MAILTOOL_TLS_KEY: 'k.pem',
        MAILTOOL_TLS_FINGERPRINT: 'AB:'.repeat(31).concat('AB'),
      },
      flags: { 'tls.ca': 'system', 'tls.insecure': true },
    });
    expect(account.tls).toEqual({
      ca: { path: 'system', place: 'flag --tls-ca' },
      cert: { path: 'c.pem', place: 'environment MAILTOOL_TLS_CERT' },
      key: { path: 'k.pem', place: 'environment MAILTOOL_TLS_KEY' },
      fingerprint: 'ab'.repeat(32),
      insecure: true,
    });
  });

  it('does not pass over a flag that only TLS can keep', async () => {
    const here = { MAILTOOL_SMTP_HOST: 'localhost' };
    const pin = `sha256//${'A'.repeat(43)}=`;
    for (const flags of [
      { 'tls.pin': pin },
      { 'tls.fingerprint': 'ab'.repeat(32) },
      { 'tls.min-version': '1.3' },
      { 'tls.cert': 'c', 'tls.key': 'k' },
    ]) {
      expect((await refusal({ env: here, flags })).message).toMatch(
        /^--tls-[a-z-]+ means nothing without TLS$/,
      );
      await smtp({ env: here, flags: { ...flags, 'smtp.tls': 'starttls' } });
    }
    await smtp({ env: { ...here, MAILTOOL_TLS_PIN: pin } });
  });

  it('wants certificate and key together', async () => {
    expect((await refusal({ env: { ...env, MAILTOOL_TLS_CERT: 'c' } })).hint).toBe(
      'give --tls-key or MAILTOOL_TLS_KEY',
    );
    expect((await refusal({ env: { ...env, MAILTOOL_TLS_KEY: 'k' } })).hint).toBe(
      'give --tls-cert or MAILTOOL_TLS_CERT',
    );
  });

  it('shows no secret when it is printed, serialised or copied', async () => {
    for (const secret of [
      { MAILTOOL_SMTP_PASSWORD: 's3cret' },
      { MAILTOOL_SMTP_PASSWORD_CMD: 'echo s3cret' },
      { MAILTOOL_SMTP_PASSWORD_FILE: 's3cret' },
    ]) {
      const account = await smtp({ env: { ...env, MAILTOOL_SMTP_USER: 'u', ...secret } });
      const copies = [
        account,
        { ...account },
        Object.entries(account),
        structuredClone({ ...account, secret: { ...account.secret } }),
      ];
      for (const copy of copies) {
        expect(inspect(copy, { depth: null, showHidden: true, getters: true })).not.toContain('s3cret');
        expect(JSON.stringify(copy)).not.toContain('s3cret');
      }
      expect(`${account.secret}`).not.toContain('s3cret');
    }
  });

  it('is what .env.example says, when that is copied to ./.env', async () => {
    const dotenv = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    const settings = await load({ dotenv });
    expect(settings.warnings).toEqual([]);
    expect(serverAccount(settings, 'smtp')).toMatchObject({
      host: 'smtp.example.org',
      port: 587,
      security: 'starttls',
      username: 'reports@example.org',
    });
    expect(serverAccount(settings, 'pop3')).toMatchObject({ host: 'pop.example.org' });
    // And with everything in it switched on, one way of saying each thing.
    const all = dotenv.replace(
      /^# (?=MAILTOOL_\w+=)(?!.*(?:_URL|PASSWORD_FILE|PASSWORD_CMD|TOKEN|TOKEN_CMD)=)/gm,
      '',
    );
    const full = await load({ named: [all] });
    expect(full.warnings).toEqual([]);
    expect(serverAccount(full, 'smtp')).toMatchObject({
      port: 465,
      security: 'implicit',
      deadlineMs: 300_000,
    });
    expect(serverAccount(full, 'pop3')).toMatchObject({ port: 995, security: 'implicit' });
  });
});
