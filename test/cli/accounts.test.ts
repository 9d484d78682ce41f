import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { Lock, stateFiles } from '../../src/store/index.ts';
import { mailtool, type Ran } from './mailtool.ts';
import { lineServer, SILENCE } from './scripted-server.ts';

const MESSAGES = 70; // more than are settled together

let base: string;
let ann: Sandbox;
let bob: Sandbox;
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
  const drop = async (username: string) => {
    const preload = Array.from({ length: MESSAGES }, (_, at) => {
      const path = join(base, `${username}-${at}.eml`);
      writeFileSync(path, `From: a@example.org\r\nSubject: ${username} ${at}\r\n\r\n${'x'.repeat(2000)}\r\n`);
      return path;
    });
    return startSandbox({ username, password: `pw-of-${username}`, preload });
  };
  [ann, bob] = await Promise.all([drop('ann'), drop('bob')]);
});
afterAll(async () => {
  await Promise.all([ann.close(), bob.close()]);
  rmSync(base, { recursive: true });
});

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const server = (name: string, sandbox: Sandbox, user: string, password = `pw-of-${user}`) => `
[accounts.${name}.pop3]
host = "127.0.0.1:${sandbox.pop3.port}"
user = "${user}"
password-cmd = ["echo", "${password}"]
`;
const place = (name: string, line = `maildir = "~/Mail/${name}"`) => `[accounts.${name}.fetch]\n${line}\n`;
const both = () => `default-account = "work"\n${server('work', ann, 'ann')}${server('home', bob, 'bob')}`;
const placed = () => `${both()}${place('work')}${place('home')}`;

function run(config: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  mkdirSync(join(home, '.config/mailtool'), { recursive: true });
  writeFileSync(join(home, '.config/mailtool/config.toml'), config, { mode: 0o600 });
  return mailtool(args, { cwd: home, env: { HOME: home, ...env } });
}
const lines = ({ stdout }: Ran) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const stored = (name: string) => readdirSync(join(home, 'Mail', name, 'new')).length;

describe('an account of the configuration file', () => {
  it('is the default one, that of -a, or that of MAILTOOL_ACCOUNT; its name is in the document', async () => {
    const config = `${both()}[accounts.home.tls]\nmin-version = "1.3"\n`;
    const document = async (args: string[], env = {}) =>
      JSON.parse((await run(config, ['list', '--json', '--limit', '1', ...args], env)).stdout);
    expect(await document([])).toMatchObject({
      ok: true,
      account: 'work',
      messages: [{ subject: 'ann 69' }],
    });
    expect(await document(['-a', 'home'])).toMatchObject({
      account: 'home',
      messages: [{ subject: 'bob 69' }],
    });
    expect(await document([], { MAILTOOL_ACCOUNT: 'home' })).toMatchObject({ account: 'home' });
    const nameless = {
      MAILTOOL_POP3_HOST: `127.0.0.1:${bob.pop3.port}`,
      MAILTOOL_POP3_USER: 'bob',
      MAILTOOL_POP3_PASSWORD: 'pw-of-bob',
    };
    expect(await document([], nameless)).toMatchObject({ account: null, messages: [{ subject: 'bob 69' }] });
    expect(await document(['-a', 'work'], nameless)).toMatchObject({ account: 'work' });
  });

  it('is not there, or named twice where one is wanted', async () => {
    expect(await run(both(), ['stat', '-a', 'wrok'])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('did you mean work?'),
    });
    expect(await run(both(), ['stat', '-a', 'work', '-a', 'home'])).toMatchObject({ code: 64 });
    expect(await run(both(), ['stat', '--config', '/not/there.toml'])).toMatchObject({ code: 78 });
    expect(await run(both(), ['stat', '--config', 'none'])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('no POP3 server is set'),
    });
  });

  it('gives its password to no host of a ./.env', async () => {
    writeFileSync(join(home, '.env'), 'MAILTOOL_POP3_HOST=127.0.0.1:1\n');
    const ran = await run(both(), ['stat']);
    expect(ran).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/less trusted place \(\.\/\.env:1/),
    });
  });

  it('has its options for fetch: flags win, one destination takes the place of another', async () => {
    const config = `${both()}${place('work', `maildir = "~/Mail/work"\nmax-size = "1k"\nlimit = 3`)}`;
    expect((await run(config, ['fetch'])).code).toBe(0);
    expect(stored('work')).toBe(0); // all are larger
    expect((await run(config, ['fetch', '--max-size', '1M'])).code).toBe(0);
    expect(stored('work')).toBe(3);
    const ran = await run(config, ['fetch', '--max-size', '1M', '--limit', '70', '--mbox', 'box', '--json']);
    expect(lines(ran).at(-1)).toMatchObject({ account: 'work', stored: 67 });
    expect(readdirSync(home)).toContain('box');
  });

  it.each<[string, RegExp]>([
    ['maildri = "/x"', /accounts\.work\.fetch\.maildri: fetch has no such option[\s\S]*did you mean maildir/],
    ['maildir = "x"', /:\d+ accounts\.work\.fetch\.maildir: the path is relative/],
    ['maildir = ["/x"]', /a list/],
    ['maildir = true', /no value/],
    ['delete = "yes"', /neither true nor false/],
    ['check = true', /must be typed/],
    ['max-size = "many"', /accounts\.work\.fetch\.max-size "many" is no size/],
    ['delete-after = "soon"', /fetch\.delete-after: "soon"/],
    ['delete-after = 7', /fetch\.delete-after: "7" has no unit: write 7d/],
    ['delete = true\ndelete-after = "7d"', /cannot go together/],
    ['maildir = "/x"\nmbox = "/y"', /cannot go together/],
    ['on-uid-reset = "x"', /not one of stop, warn, refetch/],
  ])('%s is a mistake of the configuration', async (line, message) => {
    const ran = await run(`${both()}${place('work', line)}`, ['fetch']);
    expect(ran).toMatchObject({ code: 78, stdout: '', stderr: expect.stringMatching(message) });
  });

  it('a command that is not there stops the run, and its words are not told', async () => {
    const config = `${both()}${place('work', 'exec = ["/no/such/command", "--password", "secret"]')}`;
    const ran = await run(config, ['fetch', '--json']);
    expect(ran.code).toBe(74);
    expect(ran.stderr).toContain('cannot run /no/such/command: there is no such command');
    expect(ran.stderr + ran.stdout).not.toContain('secret');
    expect(lines(ran).filter(({ status }) => status === 'failed').length).toBeLessThan(5);
  });

  it('--keep: nothing is deleted, whatever stands there; words of exec go to no shell', async () => {
    const words = 'exec = ["sh", "-c", "cat >> \\"$0\\"", "all $HOME"]';
    const config = `${both()}${place('work', `${words}\ndelete = true\nkeep-newest = 2`)}`;
    const ran = await run(config, ['fetch', '--keep', '--limit', '2', '--json']);
    expect(lines(ran).at(-1)).toMatchObject({ ok: true, stored: 2, deleted: 0, committed: null });
    expect(readFileSync(join(home, 'all $HOME'), 'latin1')).toContain('Subject: ann 1');
  });
});

describe('fetch for several accounts', () => {
  it('each into its own place, a line of JSON for all that happens, with its account', async () => {
    const ran = await run(placed(), ['fetch', '-a', 'work', '-a', 'home', '--json']);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const all = lines(ran);
    const summaries = all.filter(({ schema }) => schema !== undefined);
    expect(summaries).toHaveLength(3);
    for (const account of ['work', 'home']) {
      expect(all.filter((line) => line.account === account && line.status === 'stored')).toHaveLength(
        MESSAGES,
      );
      expect(summaries).toContainEqual(
        expect.objectContaining({ account, ok: true, stored: MESSAGES, error: null, warnings: [] }),
      );
      expect(stored(account)).toBe(MESSAGES);
    }
    expect(all.at(-1)).toMatchObject({
      schema: 'mailtool.fetch/1',
      ok: true,
      account: null,
      accounts: [
        { account: 'work', ok: true, exit: 0 },
        { account: 'home', ok: true, exit: 0 },
      ],
      stored: 2 * MESSAGES,
    });
    const again = await run(placed(), ['fetch', '--all-accounts']);
    expect(again).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect([stored('work'), stored('home')]).toEqual([MESSAGES, MESSAGES]);
  });

  it.each(['mbox', 'maildir', 'dir'])('all into one %s: each message once', async (kind) => {
    const ran = await run(placed(), ['fetch', '--all-accounts', `--${kind}`, 'one']);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const files = kind === 'mbox' ? ['one'] : readdirSync(join(home, kind === 'dir' ? 'one' : 'one/new'));
    const folder = kind === 'mbox' ? home : join(home, kind === 'dir' ? 'one' : 'one/new');
    const text = files.map((file) => readFileSync(join(folder, file), 'latin1')).join('');
    const subjects = [...text.matchAll(/^Subject: (\w+ \d+)\r?$/gm)].map(([, subject]) => subject);
    const expected = ['ann', 'bob'].flatMap((user) =>
      Array.from({ length: MESSAGES }, (_, at) => `${user} ${at}`),
    );
    expect(subjects.toSorted()).toEqual(expected.toSorted());
    if (kind === 'mbox') expect(text.match(/^From /gm)).toHaveLength(2 * MESSAGES);
    expect(readdirSync(home).filter((name) => /spool|lock/.test(name))).toEqual([]);
  });

  it('a failure is told with its name, and stops no other; what is wrong for good gives the code', async () => {
    const config = `${placed()}${server('gone', { pop3: { port: 1 } } as Sandbox, 'x')}${place('gone')}
${server('wrong', bob, 'bob2', 'no')}${place('wrong')}\n[accounts.broken]\nnonsense = 1\n`;
    const ran = await run(config, ['fetch', '--all-accounts', '--json']);
    expect(ran.code).toBe(77);
    expect(ran.stderr).toMatch(/error: gone: .*127\.0\.0\.1:1/);
    expect(ran.stderr).toMatch(/error: wrong: the server refused the log-in/);
    expect(ran.stderr).toMatch(/error: broken: .*accounts\.broken\.nonsense: there is no such setting/);
    expect(lines(ran).at(-1)).toMatchObject({
      ok: false,
      accounts: [
        { account: 'work', ok: true },
        { account: 'home', ok: true },
        { account: 'gone', ok: false, exit: 75 },
        { account: 'wrong', exit: 77 },
        { account: 'broken', exit: 78 },
      ],
      error: { exit: 77, retryable: false, message: '3 of 5 accounts failed: gone, wrong, broken' },
    });
    expect(lines(ran).find(({ account, schema }) => account === 'wrong' && schema)).toMatchObject({
      ok: false,
      error: { code: 'EAUTH', exit: 77 },
    });
    expect([stored('work'), stored('home')]).toEqual([MESSAGES, MESSAGES]);
  });

  it('75 where trying again can help every one that failed: one account locked, one not reached', async () => {
    const config = `${placed()}${server('gone', { pop3: { port: 1 } } as Sandbox, 'x')}${place('gone')}`;
    const key = { host: '127.0.0.1', port: ann.pop3.port, user: 'ann' };
    const { lock } = await stateFiles(join(home, '.local/state/mailtool'), key);
    using _held = await Lock.acquire(lock, { what: 'ann' });
    const ran = await run(config, ['fetch', '-a', 'work', '-a', 'gone', '-a', 'home']);
    expect(ran.code).toBe(75);
    expect(ran.stderr).toMatch(/error: work: ann@.* is in use by process/);
    expect(stored('home')).toBe(MESSAGES);
  });

  it('two names for one account wait for each other', async () => {
    const config = `${placed()}[accounts.twin]\ninherit = "work"\n`;
    const ran = await run(config, ['fetch', '-a', 'work', '-a', 'twin', '--json']);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(lines(ran).at(-1)).toMatchObject({ stored: MESSAGES });
  });

  it('--check: one answer for all, a line for each', async () => {
    const first = await run(placed(), ['fetch', '--all-accounts', '--check']);
    expect(first.code).toBe(0);
    expect(first.stdout.split('\n').sort().join(' ')).toMatch(/^ home: 70 \d+ work: 70 \d+$/);
    await run(placed(), ['fetch', '-a', 'work']);
    expect((await run(placed(), ['fetch', '--all-accounts', '--check'])).code).toBe(0);
    await run(placed(), ['fetch', '-a', 'home']);
    expect((await run(placed(), ['fetch', '--all-accounts', '--check'])).code).toBe(1);
  });

  it('a file that others may read is warned of once', async () => {
    const config = `${placed()}[accounts.x.smtp]\npassword = "s3cret"\n`;
    mkdirSync(join(home, 'etc'));
    writeFileSync(join(home, 'etc/c.toml'), config, { mode: 0o644 });
    const ran = await run('', ['fetch', '--all-accounts', '--check', '--config', 'etc/c.toml']);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/^mailtool: warning: other users may read etc\/c\.toml \(mode 0644\).*\n$/);
  });

  it('a signal ends all of them', async () => {
    await using silent = await lineServer(SILENCE, () => SILENCE);
    const config = ['a', 'b', 'c']
      .map((name) => server(name, { pop3: { port: silent.port } } as Sandbox, name))
      .join('');
    writeFileSync(join(home, 'c.toml'), config, { mode: 0o600 });
    const ran = await mailtool(['fetch', '--all-accounts', '--config', 'c.toml', '-v', '--dir', 'd'], {
      cwd: home,
      env: { HOME: home },
      onStderr: (text, kill) => {
        if (text.match(/connecting/g)?.length === 2) kill('SIGINT');
      },
    });
    expect(ran).toMatchObject({ code: 130, signal: null });
    for (const name of ['a', 'b', 'c']) expect(ran.stderr).toContain(`error: ${name}: interrupted by SIGINT`);
  });

  it('what cannot be meant is told once', async () => {
    for (const [args, what] of [
      [['--all-accounts', '-a', 'work'], 'exclude each other'],
      [['--all-accounts', '--jobs', '0'], '--jobs'],
      [['--all-accounts', '--jobs', 'x'], '--jobs'],
      [['--all-accounts', '--delete', '--keep'], 'cannot go together'],
      [['--all-accounts', '--pop3-password-stdin'], 'one account'],
    ] as const) {
      const ran = await run(placed(), ['fetch', ...args]);
      expect([args, ran.code, ran.stderr.match(/error:/g)?.length]).toEqual([args, 64, 1]);
      expect(ran.stderr).toContain(what);
    }
    expect(await run('[accounts.a.smtp]\nhost = "h"\n', ['fetch', '--all-accounts'])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('no account has a POP3 server'),
    });
  });

  it('the whole dialogue tells whose it is, and no password', async () => {
    const ran = await run(placed(), ['fetch', '--all-accounts', '-vv', '--limit', '1', '--log-file', 'log']);
    expect(ran.stderr).toMatch(/^home: .* C: RETR 1$/m);
    expect(ran.stderr).toMatch(/^work: .* C: RETR 1$/m);
    const log = readFileSync(join(home, 'log'), 'utf8');
    expect(log).toMatch(/^work: .* C: RETR 1$/m);
    expect(log).toContain('mailtool fetch -a home');
    for (const text of [ran.stderr, log]) expect(text).not.toContain('pw-of-');
  });
});

describe('accounts list, config check, explain and path', () => {
  it('lists names and servers', async () => {
    const config = `${both()}[accounts.work]\nfrom = "a@example.org"\n[accounts.work.smtp]\nhost = "smtp.example.org"\n[accounts.bad]\nx = 1\n`;
    const ran = await run(config, ['accounts', 'list']);
    expect(ran.stdout).toBe(
      `work*\tsmtp.example.org\t127.0.0.1:${ann.pop3.port}\ta@example.org\nhome\t-\t127.0.0.1:${bob.pop3.port}\t-\n${
        ran.stdout.split('\n')[2]
      }\n`,
    );
    expect(ran.stdout.split('\n')[2]).toMatch(/^bad\t.*no such setting/);
    const { accounts } = JSON.parse((await run(config, ['accounts', 'list', '--json'])).stdout);
    expect(accounts[0]).toEqual({
      account: 'work',
      default: true,
      from: 'a@example.org',
      smtp: { host: 'smtp.example.org', port: null, user: null },
      pop3: { host: '127.0.0.1', port: ann.pop3.port, user: 'ann' },
      error: null,
    });
    expect((await run(config, ['accounts', 'remove'])).code).toBe(64);
  });

  it('explains each value, its layer and place, without secrets', async () => {
    const config = `${both().replace('password-cmd = ["echo", "pw-of-ann"]', 'password = "pw-of-ann"')}${place('work')}`;
    const ran = await run(config, ['config', 'explain'], { MAILTOOL_TIMEOUT: '5s' });
    expect(ran.stdout).toMatch(/^timeout = 5s\tenvironment MAILTOOL_TIMEOUT$/m);
    expect(ran.stdout).toMatch(/^pop3\.user = ann\t\/.*config\.toml:5 accounts\.work\.pop3\.user$/m);
    expect(ran.stdout).toMatch(/^pop3\.password = \*\*\*\t/m);
    expect(ran.stdout).toMatch(/^fetch\.maildir = ~\/Mail\/work\t/m);
    expect(ran.stdout).not.toContain('pw-of');
    const document = JSON.parse((await run(config, ['config', 'explain', '-a', 'home', '--json'])).stdout);
    expect(document).toMatchObject({
      schema: 'mailtool.config/1',
      account: 'home',
      settings: expect.arrayContaining([
        expect.objectContaining({ key: 'pop3.user', value: 'bob', layer: 'user-config' }),
      ]),
    });
  });

  it('an inherited option that another takes the place of is not explained', async () => {
    const child = `[accounts.child]\ninherit = "work"\n${place('child', 'mbox = "~/box"\nkeep = true')}`;
    const config = `${both()}${place('work', 'maildir = "~/Mail"\ndelete = true\nlimit = 1')}${child}`;
    const { stdout } = await run(config, ['config', 'explain', '-a', 'child']);
    expect([...stdout.matchAll(/^(fetch\S+ = \S+)\t/gm)].map(([, line]) => line)).toEqual([
      'fetch.mbox = ~/box',
      'fetch.keep = true',
      'fetch.limit = 1',
    ]);
    expect((await run(config, ['fetch', '-a', 'child'])).code).toBe(0);
    expect(readdirSync(home)).toContain('box');
  });

  it('checks every account: exit 1, and a line for each problem', async () => {
    expect(await run(placed(), ['config', 'check'])).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    });
    const config = `${placed()}[accounts.a.pop3]\nhost = "h"\n[accounts.b.pop3]\nport = "x"\n${place('b', 'limit = "x"')}`;
    const ran = await run(config, ['config', 'check']);
    expect(ran.code).toBe(1);
    expect(ran.stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/^a: no user is set for POP3/),
      expect.stringMatching(/^b: .*accounts\.b\.pop3\.port: "x" is not a port/),
    ]);
    const broken = await run('[accounts.a\n', ['config', 'check', '--json']);
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.stdout)).toMatchObject({
      ok: false,
      problems: [{ account: null, message: expect.stringMatching(/config\.toml:1:\d+: /) }],
    });
    expect((await run('[accounts.a\n', ['stat'])).code).toBe(78);
  });

  it.each([
    ['work', /^work: .*accounts\.work\.hots: there is no such setting/],
    ['nobody', /^\S+ default-account: there is no account "nobody"/],
  ])(
    'a default account that is wrong, %s, keeps nothing from being checked and listed',
    async (name, first) => {
      const config = `default-account = "${name}"\n[accounts.work]\n${name === 'work' ? 'hots = "x"\n' : ''}[accounts.b.pop3]\nport = "x"\n`;
      const checked = await run(config, ['config', 'check']);
      expect(checked.code).toBe(1);
      const problems = checked.stdout.trim().split('\n');
      expect(problems).toHaveLength(2);
      expect(problems).toContainEqual(expect.stringMatching(first));
      expect(problems).toContainEqual(expect.stringMatching(/^b: .*"x" is not a port/));
      const listed = await run(config, ['accounts', 'list']);
      expect(listed.code).toBe(0);
      expect(listed.stdout.trim().split('\n')).toEqual([
        expect.stringMatching(/^work\t/),
        expect.stringMatching(/^b\t.*"x" is not a port/),
      ]);
      if (name === 'nobody') expect(listed.stderr).toContain('there is no account "nobody"');
    },
  );

  it('says where the file is, also when it is broken, or not there yet', async () => {
    const path = join(home, '.config/mailtool/config.toml');
    expect((await mailtool(['config', 'path'], { env: { HOME: home } })).stdout).toBe(`${path}\n`);
    expect((await run('[', ['config', 'path'])).stdout).toBe(`${path}\n`);
    const other = await run('[', ['config', 'path', '--config', '/x.toml', '--json']);
    expect(JSON.parse(other.stdout)).toMatchObject({
      path: '/x.toml',
      files: [{ path: '/x.toml', layer: 'named-config', found: false }],
    });
  });
});
