// Receiving from Dovecot as whole processes, beside mpop, curl, fetchmail, poplib, and the least that a receiver can do: a
// reader in C that keeps nothing. Everybody logs in without TLS, over loopback, and leaves the mail where it is. They write to
// memory where there is a file system in it, so that the ratios are not those of a disk; the first comparison is made on the
// disk as well, where mpop and mailtool wait for each message to be safe, and the others do not.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fillMaildir, findServers } from './dovecot.mjs';
import { installed, MAILTOOL, peak, race, report } from './measure.mjs';

const MB = 1024 * 1024;
/** Compiled at the start. */
const READER = join(mkdtempSync(join(tmpdir(), 'mailtool-reader-')), 'reader');
const MEMORY = '/dev/shm';
const COUNT = 10_000;
const SMALL = 4_096;

/** What everybody does with the maildrop of `login`; what they write goes below `work`, which is emptied before each run. */
function contenders({ host, port }, { user, password }, count, work) {
  const into = (name) => join(work, name);
  const fresh = (name) => () => {
    rmSync(into(name), { recursive: true, force: true });
    mkdirSync(into(name), { recursive: true });
    if (name === 'mpop')
      for (const each of ['cur', 'new', 'tmp'])
        mkdirSync(join(into(name), 'Maildir', each), { recursive: true });
  };
  const settings = {
    MAILTOOL_POP3_HOST: host,
    MAILTOOL_POP3_PORT: String(port),
    MAILTOOL_POP3_TLS: 'none',
    MAILTOOL_POP3_USER: user,
    MAILTOOL_POP3_PASSWORD: password,
  };
  const mpop = join(work, `${user}.mpoprc`);
  writeFileSync(
    mpop,
    `account a\nhost ${host}\nport ${port}\nuser ${user}\npassword ${password}\nauth user\ntls off\nkeep on\nreceived_header off\n` +
      `uidls_file ${into('mpop')}/uidls\ndelivery maildir ${into('mpop')}/Maildir\n`,
    { mode: 0o600 },
  );
  const curl = join(work, `${user}.curlrc`);
  writeFileSync(
    curl,
    Array.from(
      { length: count },
      (_, at) => `url = "pop3://${host}:${port}/${at + 1}"\noutput = "${into('curl')}/${at + 1}"\n`,
    ).join(''),
  );
  const fetchmail = join(work, `${user}.fetchmailrc`);
  writeFileSync(
    fetchmail,
    `poll ${host} port ${port} proto pop3 auth password user "${user}" password "${password}" is "me" here keep fetchall sslproto "" bsmtp "${into('fetchmail')}/all"\n`,
    { mode: 0o600 },
  );
  const mailtool = (name, ...args) => ({
    name,
    command: process.execPath,
    args: [MAILTOOL, ...args],
    env: { ...settings, MAILTOOL_STATE_DIR: join(into('mailtool'), 'state') },
    before: fresh('mailtool'),
  });
  const reader = (name, verb, window) => ({
    name,
    command: READER,
    args: [String(port), user, password, verb, String(window)],
  });
  return {
    reader: reader('a bare reader in C', 'RETR', 64),
    headerReader: reader('a bare reader in C', 'TOP', 1000),
    fetch: mailtool('mailtool fetch --maildir', 'fetch', '--maildir', join(into('mailtool'), 'Maildir')),
    list: mailtool('mailtool list --all', 'list', '--all', '--plain'),
    mpop: {
      name: 'mpop, Maildir',
      needs: 'mpop',
      command: 'mpop',
      args: ['-C', mpop, '-q', 'a'],
      before: fresh('mpop'),
    },
    curl: {
      name: 'curl, one file a message',
      needs: 'curl',
      command: 'curl',
      args: ['-sS', '--user', `${user}:${password}`, '-K', curl],
      before: fresh('curl'),
    },
    fetchmail: {
      name: 'fetchmail, one file',
      needs: 'fetchmail',
      command: 'fetchmail',
      args: ['-s', '-f', fetchmail, '--nosyslog', '--pidfile', `${into('fetchmail')}/pid`],
      env: { FETCHMAILHOME: into('fetchmail'), HOME: work },
      before: fresh('fetchmail'),
    },
    poplib: {
      name: 'poplib, one file a message',
      needs: 'python3',
      command: 'python3',
      args: [join(import.meta.dirname, 'peers/pop3_poplib.py'), String(port), user, password, into('poplib')],
      before: fresh('poplib'),
    },
    poplibHeaders: {
      name: 'poplib, TOP n 0',
      needs: 'python3',
      command: 'python3',
      args: [join(import.meta.dirname, 'peers/pop3_poplib.py'), String(port), user, password],
    },
  };
}

/** So many whole processes in turn; the slow ones not as often. */
function compare(title, { fast, slow = [] }, baseline, targets) {
  const medians = race(fast, 3);
  for (const [name, wall] of race(slow, 1, false)) medians.set(name, wall);
  report(title, medians, baseline, targets);
  return medians;
}

export async function run() {
  if (!installed('cc')) {
    process.stdout.write('\npop3: left out, there is no C compiler for the bare reader\n');
    return;
  }
  const servers = findServers('pop3');
  if (servers === undefined) return;
  const disk = mkdtempSync(join(tmpdir(), 'mailtool-pop3-'));
  const work = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'mailtool-pop3-'));
  try {
    execFileSync('cc', ['-O2', '-o', READER, join(import.meta.dirname, 'peers/pop3_reader.c')]);
    const described = JSON.parse(readFileSync(servers.description, 'utf8'));
    const at = { host: described.host, port: described.pop3.stls };
    const users = described.users.filter(
      ({ password, user }) => /^[\w-]+$/.test(password) && /^[a-z]+$/.test(user),
    );
    const take = (count, size) => {
      const user = users.shift();
      fillMaildir(described, user, count, size);
      return { user, ...contenders(at, user, count, work), empty: () => fillMaildir(described, user, 0, 0) };
    };

    const small = take(COUNT, SMALL);
    const twice = take(2 * COUNT, SMALL);
    const medians = compare(
      `${COUNT} messages of 4 KB`,
      { fast: [small.reader, small.fetch, small.mpop], slow: [small.curl, small.poplib, small.fetchmail] },
      'mpop, Maildir',
      { 'mailtool fetch --maildir': 1 },
    );
    const curl = medians.get('curl, one file a message') / medians.get('mailtool fetch --maildir');
    process.stdout.write(
      `  ${curl.toFixed(2)} times as fast as curl (target 3: ${curl >= 3 ? 'met' : 'MISSED'})\n`,
    );
    const onDisk = contenders(at, small.user, COUNT, disk);
    compare(`the same onto ${disk}`, { fast: [onDisk.fetch, onDisk.mpop, onDisk.curl] }, 'mpop, Maildir', {
      'mailtool fetch --maildir': 1,
    });
    const growth = race([small.fetch, { ...twice.fetch, name: 'twice' }], 3);
    const ratio = growth.get('twice') / growth.get(small.fetch.name);
    process.stdout.write(
      `  ${2 * COUNT} messages take ${ratio.toFixed(2)} times as long (target 2.2: ${ratio <= 2.2 ? 'met' : 'MISSED'})\n`,
    );
    compare(
      `the headers of ${COUNT} messages`,
      { fast: [small.headerReader, small.list], slow: [small.poplibHeaders] },
      small.headerReader.name,
      { 'mailtool list --all': 1.6 },
    );
    small.empty();
    twice.empty();

    const medium = take(2_000, 100 * 1024);
    compare(
      '2,000 messages of 100 KB',
      {
        fast: [medium.reader, medium.fetch, medium.mpop],
        slow: [medium.curl, medium.poplib, medium.fetchmail],
      },
      medium.reader.name,
      { 'mailtool fetch --maildir': 1.4 },
    );
    medium.empty();

    const large = take(1, 512 * MB);
    compare(
      'one message of 512 MB',
      { fast: [large.reader, large.fetch, large.mpop], slow: [large.curl, large.fetchmail] },
      large.reader.name,
      { 'mailtool fetch --maildir': 1.4 },
    );
    const little = take(1, MB);
    const [few, many] = [peak(little.fetch), peak(large.fetch)];
    process.stdout.write(
      `  peak resident set: ${few.toFixed(1)} MB for 1 MB, ${many.toFixed(1)} MB for 512 MB, ${(many - few).toFixed(1)} more (target 20: ${many - few <= 20 ? 'met' : 'MISSED'})\n`,
    );
  } finally {
    servers.stop();
    for (const each of [work, disk, dirname(READER)]) rmSync(each, { recursive: true, force: true });
  }
}
