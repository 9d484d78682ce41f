// The Postfix and Dovecot of the interop tests, for the scenarios that measure against real servers.
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The servers that are running already, or some of our own; undefined where they cannot be started. */
export function findServers(scenario) {
  const given = process.env.MAILTOOL_INTEROP;
  if (given) return { description: given, stop() {} };
  const script = join(import.meta.dirname, '..', 'scripts', 'interop', 'servers.mjs');
  const started = spawnSync(process.execPath, [script, 'start'], { encoding: 'utf8' });
  if (started.status !== 0) {
    process.stdout.write(
      `\n${scenario}: left out, Postfix and Dovecot do not start here: ${started.stderr.trim()}\n`,
    );
    return undefined;
  }
  const description = started.stdout.trim();
  return {
    description,
    stop: () => execFileSync(process.execPath, [script, 'stop', dirname(description)]),
  };
}

const BLOCK = 1024 * 1024;

/** Gives a user a Maildir of `count` messages of about `size` octets each, and nothing else. */
export function fillMaildir({ mail }, { user }, count, size) {
  const home = join(mail, user);
  const maildir = join(home, 'Maildir');
  rmSync(maildir, { recursive: true, force: true });
  const { uid, gid } = statSync(mail);
  for (const folder of [home, maildir, ...['tmp', 'new', 'cur'].map((each) => join(maildir, each))]) {
    mkdirSync(folder, { recursive: true });
    chownSync(folder, uid, gid);
  }
  // Lines of 76 characters, as base64 of an attachment has them.
  const lines = (octets) =>
    `${randomBytes(Math.ceil((octets * 3) / 4))
      .toString('base64')
      .replace(/.{76}/g, '$&\n')}\n`;
  const block = lines(Math.min(size, BLOCK));
  for (let number = 1; number <= count; number++) {
    const path = join(maildir, 'cur', `${1_700_000_000 + number}.M${number}.bench:2,`);
    const file = openSync(path, 'w');
    const header =
      `Return-Path: <sender${number}@mail.test>\nReceived: from a.mail.test by b.mail.test with ESMTP id ${number};\n\tFri, 20 Nov 2026 10:00:00 +0100\n` +
      `From: "Sender ${number}" <sender${number}@mail.test>\nTo: ${user}@mail.test\nSubject: message number ${number}\n` +
      `Date: Fri, 20 Nov 2026 10:00:00 +0100\nMessage-ID: <${number}.bench@mail.test>\n\n`;
    writeSync(file, header);
    for (let left = size - header.length; left > 0; left -= block.length)
      writeSync(file, block.slice(0, left));
    writeSync(file, '\n');
    closeSync(file);
    chownSync(path, uid, gid);
  }
}
