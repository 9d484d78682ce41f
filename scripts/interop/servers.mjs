#!/usr/bin/env node
// Starts and stops a Postfix and a Dovecot that belong to the tests alone: free high ports on loopback, everything they
// write under one directory, nothing of the system's own services touched. Needs root (both servers change users).
//
//   node scripts/interop/servers.mjs start [DIR]   prints the path of DIR/interop.json, for MAILTOOL_INTEROP
//   node scripts/interop/servers.mjs stop DIR      stops both; removes DIR if `start` made it
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ACCOUNTS, CROWD, DEFERRED, DOMAIN, IDN_DOMAIN, UNKNOWN } from './accounts.mjs';
import { makeCertificates } from './certificates.mjs';
import { dovecotPid, startDovecot } from './dovecot.mjs';
import { listeners, postfixPid, startPostfix } from './postfix.mjs';

const PATIENCE_MS = 30_000;

/** Ports below the range from which the kernel takes those of outgoing connections, so that none is lost before it is used. */
async function freePorts(count) {
  const found = [];
  while (found.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (found.includes(port)) continue;
    const free = await new Promise((done) => {
      const server = createServer();
      server.once('error', () => done(false));
      server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => done(true)));
    });
    if (free) found.push(port);
  }
  return found;
}

const accepts = (port) =>
  new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('close', () => socket.destroy());
    socket.once('connect', () => socket.end());
  });

async function until(what, test) {
  const end = performance.now() + PATIENCE_MS;
  while (!(await test())) {
    if (performance.now() > end) throw new Error(`${what} within ${PATIENCE_MS / 1000} s`);
    await pause(50);
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function start(given) {
  if (process.getuid?.() !== 0) throw new Error('Postfix and Dovecot need to be started by root');
  // Below /tmp whatever TMPDIR says: the path of a Unix socket has at most 107 octets.
  const directory =
    given === undefined
      ? mkdtempSync(join(tmpdir().length > 40 ? '/tmp' : tmpdir(), 'mailtool-interop-'))
      : resolve(given);
  mkdirSync(directory, { recursive: true });
  if (existsSync(join(directory, 'interop.json')))
    throw new Error(`${directory} has been used before; stop it and take another`);
  chmodSync(directory, 0o755); // the servers' own users pass through
  const postfix = join(directory, 'postfix');
  const dovecot = join(directory, 'dovecot');
  const mail = join(directory, 'mail');
  const uid = Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }));
  const gid = Number(execFileSync('id', ['-g', 'nobody'], { encoding: 'utf8' }));
  for (const each of [mail, ...ACCOUNTS.map(({ mailbox }) => join(mail, mailbox))]) {
    mkdirSync(each, { recursive: true });
    chownSync(each, uid, gid);
  }

  const certificates = makeCertificates(join(directory, 'tls'));
  const names = Object.keys(listeners(certificates));
  const free = await freePorts(names.length + 4);
  const smtp = Object.fromEntries(names.map((name, index) => [name, free[index]]));
  const [stls, implicit, lmtp, closed] = free.slice(names.length);
  const authSocket = join(dovecot, 'run', 'auth-postfix');

  try {
    const mechanisms = startDovecot({
      directory: dovecot,
      mail,
      uid,
      gid,
      ports: { stls, implicit, lmtp },
      certificates,
    });
    startPostfix({ directory: postfix, mail, uid, gid, ports: smtp, authSocket, certificates });
    for (const port of free.filter((each) => each !== closed))
      await until(`nothing listens on port ${port}`, () => accepts(port));
    await until(`${authSocket} is not there`, () => existsSync(authSocket));

    const description = {
      directory,
      temporary: given === undefined,
      host: '127.0.0.1',
      smtp,
      pop3: { stls, implicit, untrustedHost: '127.0.0.2' },
      lmtp: { port: lmtp, socket: join(dovecot, 'run', 'lmtp') },
      closedPort: closed,
      mechanisms: mechanisms.map((name) => name.toUpperCase()),
      domain: DOMAIN,
      idnDomain: IDN_DOMAIN,
      users: ACCOUNTS.map(({ user, password, mailbox }) => ({
        user,
        password,
        address: `${mailbox}@${DOMAIN}`,
      })),
      crowd: CROWD.addresses,
      unknown: UNKNOWN,
      deferred: DEFERRED,
      tls: certificates,
      mail,
      logs: { postfix: join(postfix, 'log'), dovecot: join(dovecot, 'log') },
      pids: { postfix: postfixPid(postfix), dovecot: dovecotPid(dovecot) },
    };
    const file = join(directory, 'interop.json');
    writeFileSync(file, `${JSON.stringify(description, undefined, 2)}\n`, { mode: 0o600 });
    process.stdout.write(`${file}\n`);
  } catch (error) {
    for (const log of [join(postfix, 'log'), join(dovecot, 'log')]) {
      if (existsSync(log))
        process.stderr.write(`--- ${log}\n${readFileSync(log, 'utf8').split('\n').slice(-30).join('\n')}\n`);
    }
    await halt(directory);
    throw error;
  }
}

/** Asks both masters to end, by process id, and waits until they have. */
async function halt(directory) {
  const masters = [postfixPid(join(directory, 'postfix')), dovecotPid(join(directory, 'dovecot'))];
  const running = masters.filter((pid) => pid !== undefined && alive(pid));
  for (const pid of running) process.kill(pid, 'SIGTERM');
  for (const pid of running) await until(`process ${pid} has not ended`, () => !alive(pid));
}

async function stop(given) {
  if (given === undefined) throw new Error('stop needs the directory that start was given, or made');
  const directory = resolve(given);
  await halt(directory);
  const file = join(directory, 'interop.json');
  const temporary = existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).temporary === true;
  if (temporary) rmSync(directory, { recursive: true, force: true });
}

const [command, directory] = process.argv.slice(2);
try {
  if (command === 'start') await start(directory);
  else if (command === 'stop') await stop(directory);
  else throw new Error('usage: servers.mjs start [DIR] | stop DIR');
} catch (error) {
  process.stderr.write(`interop servers: ${error.message}\n`);
  process.exitCode = 1;
}
