import { createHash, randomUUID } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { run } from './command.ts';
import type { Interop, InteropUser } from './servers.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** One message as Python's poplib sees it; `raw` is what RETR gave, with CRLF. */
export interface DropEntry {
  readonly number: number;
  readonly uid: string;
  readonly size: number;
  readonly sha256: string;
  readonly raw: Buffer;
}

async function python(script: string, input: string | Uint8Array): Promise<unknown> {
  const outcome = await run('python3', [here(script)], { stdin: input });
  if (outcome.status !== 0) throw new Error(`${script}: ${outcome.stderr}`);
  return JSON.parse(outcome.stdout.toString('utf8'));
}

function readDrop(
  servers: Interop,
  user: InteropUser,
  what: { readonly empty?: boolean; readonly marker?: string },
): Promise<unknown> {
  const server = { host: servers.host, port: servers.pop3.implicit, ca: servers.tls.ca };
  return python(
    'maildrop.py',
    JSON.stringify({ ...server, user: user.user, password: user.password, ...what }),
  );
}

/** The maildrop of `user`, read by poplib over TLS: the whole of it, or what has `marker` in its header. */
export async function poplib(servers: Interop, user: InteropUser, marker?: string): Promise<DropEntry[]> {
  const entries = await readDrop(servers, user, marker === undefined ? {} : { marker });
  return (entries as (Omit<DropEntry, 'raw'> & { raw: string })[]).map((entry) => ({
    ...entry,
    raw: Buffer.from(entry.raw, 'base64'),
  }));
}

/** Empties the maildrop of `user`: a test that counts begins with it. */
export async function empty(servers: Interop, user: InteropUser): Promise<void> {
  await readDrop(servers, user, { empty: true });
}

/** How Python's email package reads a message. */
export interface PythonMessage {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly parts: readonly {
    readonly type: string;
    readonly charset: string | null;
    readonly disposition: string | null;
    readonly filename: string | null;
    readonly size: number;
    readonly sha256: string;
    readonly text: string | null;
  }[];
  readonly defects: readonly string[];
}

export async function pythonReads(message: Uint8Array): Promise<PythonMessage> {
  return (await python('read_message.py', message)) as PythonMessage;
}

/** The values of a header field, decoded. */
export const headerValues = (message: PythonMessage, name: string): string[] =>
  message.headers
    .filter((field) => field.name.toLowerCase() === name.toLowerCase())
    .map((field) => field.value);

/** The messages of a Maildir or an mbox, as Python's mailbox reads them. */
export async function mailboxReads(kind: 'maildir' | 'mbox', path: string): Promise<Buffer[]> {
  const messages = await python('mailbox_messages.py', JSON.stringify({ kind, path }));
  return (messages as string[]).map((each) => Buffer.from(each, 'base64'));
}

function files(servers: Interop, user: InteropUser): string[] {
  const [mailbox = ''] = user.address.split('@');
  return ['new', 'cur'].flatMap((each) => {
    const directory = join(servers.mail, mailbox, 'Maildir', each);
    return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
  });
}

/** The first 16 KB of a file; nothing when another session has just renamed it. */
function beginning(path: string): Buffer {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(16_384);
      return bytes.subarray(0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch {
    return Buffer.alloc(0);
  }
}

/** How many messages with `marker` in their header have been delivered to `user`. */
export function countDelivered(servers: Interop, user: InteropUser, marker: string): number {
  return files(servers, user).filter((path) => beginning(path).includes(marker)).length;
}

/** Waits until a message with `marker` in its header is in the Maildir of `user`; delivery is not part of what SMTP's 250 says. */
export async function delivered(servers: Interop, user: InteropUser, marker: string): Promise<void> {
  const end = performance.now() + 20_000;
  while (countDelivered(servers, user, marker) === 0) {
    if (performance.now() > end) throw new Error(`no message with ${marker} for ${user.user} after 20 s`);
    await pause(50);
  }
}

/** Waits for the message and gives what poplib retrieves of it. */
export async function receive(servers: Interop, user: InteropUser, marker: string): Promise<DropEntry> {
  await delivered(servers, user, marker);
  const [entry] = await poplib(servers, user, marker);
  if (entry === undefined) throw new Error(`poplib does not see ${marker} of ${user.user}`);
  return entry;
}

/** Delivers exactly these bytes (CRLF lines) to one user by Python's smtplib, without TLS or login. */
export async function deliver(servers: Interop, user: InteropUser, message: Uint8Array): Promise<void> {
  await python(
    'deliver.py',
    JSON.stringify({
      host: servers.host,
      port: servers.smtp.plain,
      sender: `peer@${servers.domain}`,
      recipient: user.address,
      message: Buffer.from(message).toString('base64'),
    }),
  );
}

/** Puts messages (CRLF lines) into the maildrop of `user` as a delivery would, many at once. */
export function deliverMany(servers: Interop, user: InteropUser, messages: readonly string[]): void {
  const home = join(servers.mail, user.address.slice(0, user.address.lastIndexOf('@')));
  const maildir = join(home, 'Maildir');
  mkdirSync(home, { recursive: true });
  const { uid, gid } = statSync(servers.mail);
  const own = (path: string) => chownSync(path, uid, gid);
  own(home);
  for (const path of [maildir, ...['tmp', 'new', 'cur'].map((part) => join(maildir, part))]) {
    mkdirSync(path, { recursive: true });
    own(path);
  }
  for (const message of messages) {
    const name = `${Math.floor(Date.now() / 1000)}.${randomUUID()}.many`;
    const path = join(maildir, 'tmp', name);
    writeFileSync(path, message.replaceAll('\r\n', '\n'), 'latin1');
    own(path);
    renameSync(path, join(maildir, 'new', name));
  }
}
