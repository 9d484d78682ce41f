import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { serverAccount } from '../../src/config/account.ts';
import { SEVERAL } from '../../src/config/account-choice.ts';
import { MAX_CONFIG_FILE } from '../../src/config/config-file.ts';
import { ConfigFiles } from '../../src/config/config-files.ts';
import { linesOf } from '../../src/config/config-lines.ts';
import { describeSettings } from '../../src/config/describe.ts';
import { loadSettings, type Settings, type Sources } from '../../src/config/layers.ts';
import { readSecret } from '../../src/config/secret.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { ConfigError } from '../../src/errors.ts';

const root = mkdtempSync(join(tmpdir(), 'mailtool-config-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

interface Given extends Partial<Omit<Sources, 'config'>> {
  readonly user?: string;
  readonly system?: string;
  readonly dotenv?: string;
  readonly mode?: number;
  readonly flag?: string;
}

/** The settings with these files in a home of their own. */
async function load(given: Given): Promise<Settings> {
  const home = join(root, `h${count++}`);
  mkdirSync(join(home, '.config/mailtool'), { recursive: true });
  const put = (path: string, text: string | undefined) => {
    if (text === undefined) return;
    writeFileSync(path, text);
    chmodSync(path, given.mode ?? 0o600);
  };
  put(join(home, '.config/mailtool/config.toml'), given.user);
  put(join(home, 'system.toml'), given.system);
  return loadSettings({
    flags: given.flags ?? {},
    env: given.env ?? {},
    envFiles:
      given.dotenv === undefined
        ? (given.envFiles ?? [])
        : [{ path: './.env', text: given.dotenv, named: false }],
    config: new ConfigFiles({ env: { HOME: home }, flag: given.flag, system: join(home, 'system.toml') }),
    ...(given.account === undefined ? {} : { account: given.account }),
  });
}

const failure = async (given: Given): Promise<ConfigError> => {
  const error = await load(given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error as ConfigError;
};

const WORK = `
default-account = "work"
[accounts.work]
from = "me@work.example"
[accounts.work.smtp]
host = "smtp.work.example"
user = "me"
password = "w0rk-s3cret"
[accounts.work.pop3]
host = "pop.work.example:995"
user = "me"
password-cmd = ["printf", "%s", "a b; c"]
[accounts.home]
inherit = "work"
timeout = 30
[accounts.home.pop3]
user = "you"
`;

describe('which value wins', () => {
  it('flag, environment, .env, the user’s file, the machine’s, the default', async () => {
    const user = '[accounts.a]\nehlo = "user"\n';
    const system = '[accounts.a]\nehlo = "system"\nlog-file = "/x"\n';
    const env = { MAILTOOL_EHLO: 'env' };
    const dotenv = 'MAILTOOL_EHLO=dotenv';
    const of = async (given: Given) => (await load(given)).text('ehlo');
    expect(await of({ flags: { ehlo: 'flag' }, env, dotenv, user, system })).toBe('flag');
    expect(await of({ env, dotenv, user, system })).toBe('env');
    expect(await of({ dotenv, user, system })).toBe('dotenv');
    expect(await of({ user, system })).toBe('user');
    expect(await of({ system })).toBe('system');
    expect((await load({ user, system })).text('log-file')).toBe('/x');
    expect(await of({})).toBeUndefined();
  });

  it('the named account: variables of another are left out, those of the run are not, and flags win', async () => {
    const env = {
      MAILTOOL_POP3_HOST: 'other.example',
      MAILTOOL_POP3_PASSWORD: 'x',
      MAILTOOL_FROM: 'x@other.example',
      MAILTOOL_TLS_CA: '/x',
      MAILTOOL_READ_ONLY: 'yes',
      MAILTOOL_PROXY: 'socks5://proxy.example',
      MAILTOOL_TIMEOUT: '5s',
    };
    const settings = await load({ user: WORK, env, account: 'work', flags: { 'pop3.port': '1995' } });
    expect(settings.text('pop3.host')).toBe('pop.work.example:995');
    expect(settings.text('pop3.port')).toBe('1995');
    expect(settings.text('from')).toBe('me@work.example');
    expect(settings.text('tls.ca')).toBeUndefined();
    expect(settings.is('read-only')).toBe(true);
    expect(settings.text('proxy')).toBe('socks5://proxy.example');
    expect(settings.duration('timeout')).toBe(5000);
    expect(settings.accountOf('pop3')).toBe('work');
  });

  it('MAILTOOL_ACCOUNT names it, the flag wins over it', async () => {
    const env = { MAILTOOL_ACCOUNT: 'home', MAILTOOL_POP3_USER: 'x' };
    expect((await load({ user: WORK, env })).text('pop3.user')).toBe('you');
    expect((await load({ user: WORK, env, account: 'work' })).text('pop3.user')).toBe('me');
    expect((await load({ user: WORK, dotenv: 'MAILTOOL_ACCOUNT=home' })).account).toBe('home');
  });

  it('the default account lies under the variables, and an only one is the default', async () => {
    const settings = await load({ user: WORK, env: { MAILTOOL_POP3_USER: 'env' } });
    expect(settings.account).toBe('work');
    expect(settings.text('pop3.user')).toBe('env');
    expect((await load({ user: '[accounts.only]\nehlo = "x"' })).account).toBe('only');
    const two = await load({ user: '[accounts.a]\n[accounts.b]' });
    expect([two.account, two.accounts]).toEqual([undefined, ['a', 'b']]);
    expect(() => serverAccount(two, 'pop3')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('-a: a, b') }),
    );
  });

  it('a server that a variable names is nobody’s: neither the name nor the port is the account’s', async () => {
    const user = `${WORK}port = 1234\n`
      .replace('[accounts.home.pop3]', '[accounts.x.pop3]')
      .replace('user = "you"', '');
    const settings = await load({
      user: user.replace('pop.work.example:995"', 'pop.work.example"\nport = 1110\ntls = "starttls"'),
      env: { MAILTOOL_POP3_HOST: '127.0.0.1', MAILTOOL_POP3_USER: 'u', MAILTOOL_POP3_PASSWORD: 'p' },
    });
    expect(serverAccount(settings, 'pop3')).toMatchObject({ host: '127.0.0.1', port: 110, security: 'none' });
    expect(settings.accountOf('pop3')).toBeNull();
    expect(settings.accountOf('smtp')).toBe('work');
  });

  it('what a named account lacks is to be said in its file, where it counts', async () => {
    const user = '[accounts.a]\npop3 = { host = "pop.example", user = "a" }\n';
    const hintOf = async (given: Given) => {
      const settings = await load({ user, ...given });
      try {
        serverAccount(settings, given.flags === undefined ? 'pop3' : 'smtp');
      } catch (error) {
        return (error as ConfigError).hint;
      }
      return undefined;
    };
    expect(await hintOf({ account: 'a' })).toMatch(
      /^give password in \[accounts\.a\.pop3\], or --pop3-password-file or password-file in /,
    );
    expect(await hintOf({ account: 'a' })).not.toContain('MAILTOOL');
    expect(await hintOf({ account: 'a', flags: {} })).toBe('give --smtp-host or host in [accounts.a.smtp]');
    expect(await hintOf({})).toMatch(/^give MAILTOOL_POP3_PASSWORD, /);
  });

  it('inherits, a child before its parent; display-name goes into From', async () => {
    const settings = await load({
      user: WORK.replace('inherit = "work"', 'inherit = "work"\ndisplay-name = "Ann \\"A\\" Ä"'),
      account: 'home',
    });
    expect(settings.text('pop3.user')).toBe('you');
    expect(settings.text('pop3.host')).toBe('pop.work.example:995');
    expect(settings.duration('timeout')).toBe(30_000);
    expect(settings.text('from')).toBe('"Ann \\"A\\" Ä" <me@work.example>');
  });

  it('no account yet, where several will be asked for', async () => {
    const settings = await load({ user: WORK, env: { MAILTOOL_POP3_PORT: 'x' }, account: SEVERAL });
    expect(settings.text('pop3.host')).toBeUndefined();
    expect(settings.accounts).toEqual(['work', 'home']);
  });

  it('takes every setting that has a variable, by the name of its flag without the prefix', async () => {
    const values: Readonly<Record<string, string>> = {
      url: '"smtps://h.example"',
      host: '"h.example"',
      port: '465',
      choice: '"x"',
      mechanism: '"plain"',
      fingerprint: `"${'ab'.repeat(32)}"`,
      pin: `["${'ab'.repeat(32)}"]`,
      proxy: '"none"',
      address: '"192.0.2.1"',
      selectors: '["a", "b"]',
      domain: '"example.org"',
      duration: '"5m"',
      command: '["x"]',
      boolean: 'true',
    };
    for (const { key, kind, choices, variable } of SETTINGS) {
      const [group, part] = key.includes('.') ? key.split('.') : ['', key];
      const text = choices === undefined ? (values[kind] ?? '"x"') : `"${choices[0]}"`;
      const table = group === '' ? '[accounts.a]' : `[accounts.a.${group}]`;
      const user = `${table}\n${part} = ${kind === 'url' && group === 'pop3' ? '"pop3s://h"' : text}`;
      if (variable === undefined) expect((await failure({ user })).message).toContain('must be typed');
      else expect((await load({ user })).stated(key)).toMatchObject({ layer: 'user-config' });
    }
  });
});

describe('where it stands', () => {
  it('is named with file, line and key', async () => {
    const settings = await load({ user: WORK, account: 'home' });
    const at = (key: 'pop3.user' | 'pop3.host') => settings.stated(key)?.place;
    expect(at('pop3.user')).toMatch(/^\/.*config\.toml:17 accounts\.home\.pop3\.user$/);
    expect(at('pop3.host')).toMatch(/config\.toml:10 accounts\.work\.pop3\.host$/);
  });

  it('also in inline tables, dotted and quoted keys, and behind long texts', () => {
    const text = [
      'a.b = 1',
      '[ "x.y" . z ]',
      "'k k' = 2",
      't = """',
      'a = 3',
      '"""',
      'after = 4',
      '[[list]]',
      'one = { two = 1 }',
    ].join('\n');
    expect([...linesOf(text)].map(([key, line]) => [key.split('\0').join('>'), line])).toEqual([
      ['a>b', 1],
      ['a', 1],
      ['x.y>z', 2],
      ['x.y', 2],
      ['x.y>z>k k', 3],
      ['x.y>z>t', 4],
      ['x.y>z>after', 7],
      ['list', 8],
      ['list>one', 9],
    ]);
  });

  it('shows values, but no secret, also not in a list of words', async () => {
    const settings = await load({ user: WORK });
    const shown = `${JSON.stringify(describeSettings(settings))}${inspect(settings, { depth: 9 })}`;
    expect(shown).toContain('pop.work.example');
    for (const secret of ['w0rk-s3cret', 'a b; c', 'printf']) expect(shown).not.toContain(secret);
  });
});

describe('commands', () => {
  it.each([
    ['["printf", "%s", "$HOME; x"]', '$HOME; x'],
    [`'printf "%s" "$((1 + 1))"'`, '2'],
  ])('%s', async (command, output) => {
    const user = `[accounts.a.pop3]\nhost = "h"\nuser = "u"\npassword-cmd = ${command}\n`;
    const account = serverAccount(await load({ user }), 'pop3');
    expect(await readSecret(account, { warn: () => undefined })).toBe(output);
  });

  it('a path of the home directory needs no shell', async () => {
    const settings = await load({ user: '[accounts.a.tls]\nca = "~/ca.pem"\n' });
    expect(settings.text('tls.ca')).toBe(`${homedir()}/ca.pem`);
  });
});

describe('the trust rule', () => {
  const steered: readonly (readonly [string, Given])[] = [
    ['a host of ./.env', { dotenv: 'MAILTOOL_SMTP_HOST=evil.example' }],
    ['a proxy of ./.env', { dotenv: 'MAILTOOL_PROXY=socks5://evil.example' }],
    ['a proxy of ./.env, account named', { dotenv: 'MAILTOOL_PROXY=socks5://evil.example', account: 'work' }],
    [
      'a host of an --env-file',
      { envFiles: [{ path: 'a.env', text: 'MAILTOOL_SMTP_HOST=evil.example', named: true }] },
    ],
  ];
  it.each(steered)('the file’s password does not go to %s', async (_, given) => {
    const settings = await load({ user: WORK, ...given });
    expect(() => serverAccount(settings, 'smtp')).toThrow(/w?password .* is not used with .*less trusted/);
  });

  it('but to a host that was typed or is in the environment; and variables’ passwords to the file’s host', async () => {
    for (const given of [
      { flags: { 'smtp.host': 'h' } },
      { env: { MAILTOOL_SMTP_HOST: 'h' } },
      { env: { MAILTOOL_SMTP_PASSWORD: 'x' } },
    ] as const)
      expect(serverAccount(await load({ user: WORK, ...given }), 'smtp').secret).toBeDefined();
  });

  it('a file that was only named is less trusted than the environment', async () => {
    const path = join(root, 'named.toml');
    writeFileSync(path, WORK, { mode: 0o600 });
    expect(serverAccount(await load({ flag: path }), 'smtp').secret).toBeDefined();
    const settings = await load({ flag: path, env: { MAILTOOL_SMTP_PASSWORD: 'x' } });
    expect(() => serverAccount(settings, 'smtp')).toThrow('less trusted');
  });

  it('a ./.env names no configuration file', async () => {
    expect((await failure({ dotenv: 'MAILTOOL_CONFIG=x.toml' })).message).toMatch(
      /MAILTOOL_CONFIG .* refused/,
    );
    const named = { path: 'a.env', text: 'MAILTOOL_CONFIG=/not/there.toml', named: true };
    expect((await failure({ envFiles: [named] })).message).toContain('a.env:1 MAILTOOL_CONFIG');
  });
});

describe('an inherited password', () => {
  const base = '[accounts.a]\npop3 = { host = "pop.a.example", user = "u", password = "s3cret" }\n';
  const child = (pop3: string) => `${base}[accounts.b]\ninherit = "a"\npop3 = { ${pop3} }\n`;

  it.each([
    'host = "pop.b.example"',
    'host = "pop.b.example:995", user = "v"',
    'url = "pop3s://v@pop.b.example"',
  ])('does not go to a server that the heir names: %s', async (pop3) => {
    const settings = await load({ user: child(pop3), account: 'b' });
    expect(() => serverAccount(settings, 'pop3')).toThrow(
      /the password of account a \(.*:2 accounts\.a\.pop3\.password\) is not used with a (host|server) that account b names \(.*:5 accounts\.b\.pop3\./,
    );
  });

  it.each([
    'user = "v"',
    'host = "POP.a.example"',
    'host = "pop.b.example", password = "own"',
    'password = "own"',
  ])('goes with %s', async (pop3) => {
    const settings = await load({ user: child(pop3), account: 'b' });
    expect(serverAccount(settings, 'pop3').secret).toBeDefined();
  });

  it('goes where a flag says', async () => {
    const flags = { 'pop3.host': 'pop.c.example' } as const;
    const settings = await load({ user: child('user = "v"'), account: 'b', flags });
    expect(serverAccount(settings, 'pop3').host).toBe('pop.c.example');
  });
});

describe('which files', () => {
  const paths = (env: Record<string, string>, flag?: string) =>
    new ConfigFiles({ env, flag }).paths(undefined).map(({ path }) => path);

  it.each<[Record<string, string>, string | undefined, string[]]>([
    [{ HOME: '/h' }, undefined, ['/h/.config/mailtool/config.toml', '/etc/mailtool/config.toml']],
    [
      { HOME: '/h', XDG_CONFIG_HOME: '/x' },
      undefined,
      ['/x/mailtool/config.toml', '/etc/mailtool/config.toml'],
    ],
    [
      { HOME: '/h', XDG_CONFIG_HOME: 'x' },
      undefined,
      ['/h/.config/mailtool/config.toml', '/etc/mailtool/config.toml'],
    ],
    [{ HOME: 'h' }, undefined, ['/etc/mailtool/config.toml']],
    [{ HOME: '/h' }, '~/a.toml', ['/h/a.toml']],
    [{ HOME: '/h' }, 'none', []],
  ])('%j %s', (env, flag, expected) => {
    expect(paths(env, flag)).toEqual(expected);
  });

  it('reads them once', async () => {
    const path = join(root, 'once.toml');
    writeFileSync(path, WORK, { mode: 0o600 });
    const files = new ConfigFiles({ env: {}, flag: path });
    const [first] = await files.read(undefined);
    rmSync(path);
    expect((await files.read(undefined))[0]).toBe(first);
  });
});

describe('warnings', () => {
  it.each([
    [0o600, WORK, /^$/],
    [0o640, WORK, /other users may read .*config\.toml \(mode 0640\).*password/],
    [0o644, '[accounts.a]\nproxy = "socks5://u:p@h"', /may read/],
    [0o644, '[accounts.a.pop3]\nhost = "h"\npassword-cmd = "x"', /^$/],
    [0o622, '[accounts.a]', /other users may change/],
  ])('mode %i', async (mode, user, expected) => {
    expect((await load({ user, mode })).warnings.join()).toMatch(expected);
  });
});

describe('what is wrong is told with its place, and how it may be meant', () => {
  it.each<[string, RegExp, RegExp]>([
    [
      '[accounts.a]\n\n[accounts.a.smtp]\nhots = "h"',
      /config\.toml:4 accounts\.a\.smtp\.hots: /,
      /smtp\.host/,
    ],
    ['[accounts.a.smpt]\nhost = "h"', /:1 accounts\.a\.smpt: /, /smtp/],
    ['[accounts.a]\nhost = "h"', /:2 accounts\.a\.host: /, /smtp\.host or pop3\.host/],
    ['[accounts.a.smtp]\nehlo = "h"', /:2 accounts\.a\.smtp\.ehlo: /, /did you mean ehlo/],
    ['[account.a]', /:1 account: /, /accounts/],
    ['from = "a@b"', /:1 from: /, /\[accounts\.NAME\]/],
    ['[accounts.a.tls]\ninsecure = true', /:2 .*must be typed/, /--tls-insecure/],
    ['[accounts.a.smtp]\nport = 70000', /:2 accounts\.a\.smtp\.port: /, /^/],
    ['[accounts.a.smtp]\nport = 1.5', /no text/, /quotes/],
    ['[accounts.a.smtp]\nhost = 2026-01-01', /no text/, /quotes/],
    ['[accounts.a.smtp]\nhost = ""', /empty/, /leave it out/],
    ['[accounts.a.smtp]\nhost = ["h"]', /a list/, /^/],
    ['[accounts.a.smtp]\npassword-cmd = [1]', /no list of texts/, /^/],
    ['[accounts.a]\nread-only = "yes"', /neither true nor false/, /^/],
    ['[accounts.a]\nsmtp = "h"', /no table/, /\[accounts\.a\.smtp\]/],
    ['[accounts]\na = 1', /no table/, /\[accounts\.a\]/],
    ['accounts = 1', /no table/, /^/],
    ['[accounts."a\\nb"]', /cannot be called that/, /^/],
    ['[accounts.a]\ndisplay-name = "a\\u0007"', /control character/, /^/],
    ['default-account = 1', /:1 default-account: /, /^/],
    ['default-account = "b"\n[accounts.a]', /:1 default-account: there is no account "b"/, /did you mean a/],
    ['[accounts.a]\ninherit = "b"', /:2 accounts\.a\.inherit: there is no account "b"/, /^/],
    ['[accounts.a]\ninherit = "a"', /in a circle: a, a/, /leave one/],
    [
      'default-account = "a"\n[accounts.a]\ninherit = "b"\n[accounts.b]\ninherit = "a"',
      /in a circle: a, b, a/,
      /^/,
    ],
    ['[accounts.a]\nx = ', /config\.toml:2:\d+: /, /^/],
  ])('%j', async (user, message, hint) => {
    const error = await failure({ user });
    expect(error.message).toMatch(message);
    expect(error.hint ?? '').toMatch(hint);
  });

  it('an account that is not there', async () => {
    expect(await failure({ user: WORK, account: 'wrok' })).toMatchObject({
      message: 'flag --account: there is no account "wrok"',
      hint: 'did you mean work?',
    });
    expect((await failure({ account: 'work' })).hint).toContain('there are none');
  });

  it('one account’s mistake is not another’s', async () => {
    const user = `${WORK}\n[accounts.broken]\nnonsense = 1\n`;
    expect((await load({ user, account: 'home' })).account).toBe('home');
    expect((await failure({ user, account: 'broken' })).message).toContain('accounts.broken.nonsense');
  });

  it('a password in a line that is no TOML is not repeated', async () => {
    const error = await failure({ user: '[accounts.a.smtp]\npassword = "s3cret" x\n' });
    expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
    expect(error.message).toMatch(/config\.toml:2:\d+: /);
  });
});

describe('a hostile file', () => {
  it.each<[string, string]>([
    ['deep arrays', `[accounts.a.smtp]\nhost = ${'['.repeat(100_000)}`],
    ['deep tables', `[accounts.a.smtp]\nhost = ${'{a='.repeat(50_000)}`],
    ['deep keys', `[accounts.a]\n${'a.'.repeat(100_000)}a = 1`],
    ['deep headers', `[${'a.'.repeat(100_000)}a]`],
    ['the name of a prototype', '[accounts.__proto__.smtp]\nhots = 1'],
    ['settings named as methods', '[accounts.a]\nconstructor = "x"\n'],
    ['tables named as methods', '[accounts.a.__proto__]\nhost = "x"\n'],
    ['too long', `# ${'x'.repeat(MAX_CONFIG_FILE)}`],
    ['no text', '\uD800'.repeat(3)],
    ['a terminal’s commands', '[accounts.a]\n"\\u001b[2J" = 1'],
    ['quotes without end', '"'.repeat(200_000)],
    ['backslashes', `"${'\\'.repeat(200_000)}`],
    ['blanks', `${' '.repeat(200_000)}x`],
    ['a long name', `[accounts.${'a'.repeat(200_000)}]`],
  ])('%s is refused in plain words', async (_, user) => {
    const error = await failure({ user, account: 'a' });
    expect(error.message.length).toBeLessThan(700);
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });

  it('with thousands of accounts is read in time', async () => {
    const user = Array.from({ length: 6000 }, (_, at) => `[accounts.a${at}]\ninherit = "a${at + 1}"\n`).join(
      '',
    );
    expect((await failure({ user, account: 'a0' })).message).toContain('a6000');
  });

  it('that is a named pipe, or a directory, holds nothing up', async () => {
    const where = join(root, 'odd');
    mkdirSync(join(where, 'mailtool/config.toml'), { recursive: true });
    const settings = (flag?: string) =>
      loadSettings({
        flags: {},
        env: {},
        envFiles: [],
        config: new ConfigFiles({ env: { XDG_CONFIG_HOME: where }, flag }),
      });
    await expect(settings()).rejects.toThrow(ConfigError);
    execFileSync('mkfifo', [join(where, 'pipe')]);
    await expect(settings(join(where, 'pipe'))).rejects.toThrow('named pipe');
    rmSync(join(where, 'mailtool/config.toml'), { recursive: true });
    execFileSync('mkfifo', [join(where, 'mailtool/config.toml')]);
    await expect(settings()).rejects.toThrow(ConfigError);
  });
});
