// Shows what mailtool does, in a few seconds and with no account: a sandbox takes the place of the mail servers, and the
// commands are those that anyone would type.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const library = new URL('../dist/lib/sandbox/index.js', import.meta.url);
const mailtool = fileURLToPath(new URL('../bin/mailtool.cjs', import.meta.url));
const HEAD_LINES = 24;

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const style = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const say = (...lines) => {
  for (const line of lines) process.stdout.write(line === '' ? '\n' : `${style(2, `# ${line}`)}\n`);
};

class DemoError extends Error {}

/** The exit code, once somebody does not want to see the rest. */
let stopped;
process.once('SIGINT', () => {
  stopped = 130;
});
process.stdout.on('error', () => {
  stopped ??= 0;
});

/** Prints a command as a user would type it, and runs it; with `head`, shows that many lines of what it prints. */
async function show(words, { environment, directory }, head) {
  if (stopped !== undefined) throw new DemoError('stopped');
  const typed = ['mailtool', ...words].map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`));
  if (head !== undefined) typed.push('|', 'head', '-n', String(head));
  process.stdout.write(`${style(1, `$ ${typed.join(' ')}`)}\n`);
  const child = spawn(process.execPath, [mailtool, ...words], {
    cwd: directory,
    env: environment,
    // What goes to standard error belongs to the picture, in its place.
    stdio: ['ignore', head === undefined ? process.stdout : 'pipe', process.stdout],
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (head !== undefined) {
    for (const line of output.split(/\r?\n/).slice(0, head)) process.stdout.write(`${line}\n`);
  }
  process.stdout.write('\n');
  if (status !== 0) throw new DemoError(`that ended with exit code ${status}`);
}

async function tour(sandbox, directory) {
  const started = performance.now();
  // The settings of whoever runs this do not count here.
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('MAILTOOL_'));
  const at = { environment: { ...Object.fromEntries(others), ...sandbox.environment() }, directory };
  const log = Array.from(
    { length: 40 },
    (_, n) => `03:${String(n).padStart(2, '0')} volume ${n + 1} of 40: ok\n`,
  );
  await writeFile(join(directory, 'backup.log'), log.join(''));

  say(
    `An SMTP and a POP3 server run on ports ${sandbox.smtp.port} and ${sandbox.pop3.port} of this machine, with TLS and a password.`,
    'MAILTOOL_SMTP_HOST, MAILTOOL_POP3_HOST and so on are set for the commands below.',
    '',
    'Send a message with an attachment. Silence would mean success; -v says what happens.',
  );
  const text = 'The nightly backup is done; the log is attached.';
  const to = 'Ops <ops@example.org>';
  await show(['send', '-v', '-t', to, '-s', 'Backup finished ✓', '-m', text, '-A', 'backup.log'], at);

  say('What is in the maildrop?');
  await show(['list'], at);

  say('The message, exactly as the server has it:');
  await show(['retr', 'last'], at, HEAD_LINES);

  say('Numbers change from session to session; a unique-id always names the same message. Delete by that.');
  const [message] = sandbox.messages();
  if (message === undefined) throw new DemoError('no message came');
  await show(['dele', `uid:${message.uniqueId}`], at);

  say('It is gone: no messages, no octets.');
  await show(['stat'], at);
  if (sandbox.messages().length > 0) throw new DemoError('the message is still there');

  say(`That took ${((performance.now() - started) / 1000).toFixed(1)} s. Your turn, still with no account:`);
  process.stdout.write(
    `${style(1, "npx mailtool sandbox -- sh -c 'echo hi | npx mailtool send -t me@example.org -s demo && npx mailtool list'")}\n`,
  );
}

async function main() {
  if (!existsSync(library)) throw new DemoError('this checkout is not built: npm ci && npm run build');
  const { startSandbox } = await import(library.href);
  const directory = await mkdtemp(join(tmpdir(), 'mailtool-demo-'));
  const sandbox = await startSandbox({ tls: true, username: 'me@example.org' });
  try {
    await tour(sandbox, directory);
  } finally {
    await sandbox.close();
    await rm(directory, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof DemoError)) throw error;
  if (stopped === undefined) process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = stopped ?? 1;
}
