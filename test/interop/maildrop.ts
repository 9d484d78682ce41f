import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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

/** The whole maildrop of `user`, read by poplib over TLS. */
export async function poplib(servers: Interop, user: InteropUser): Promise<DropEntry[]> {
  const entries = (await python(
    'maildrop.py',
    JSON.stringify({
      host: servers.host,
      port: servers.pop3.implicit,
      ca: servers.tls.ca,
      user: user.user,
      password: user.password,
    }),
  )) as { number: number; uid: string; size: number; sha256: string; raw: string }[];
  return entries.map((entry) => ({ ...entry, raw: Buffer.from(entry.raw, 'base64') }));
}

/** Empties the maildrop of `user`: a test of counting begins with it. */
export async function empty(servers: Interop, user: InteropUser): Promise<void> {
  await python(
    'maildrop.py',
    JSON.stringify({
      host: servers.host,
      port: servers.pop3.implicit,
      ca: servers.tls.ca,
      user: user.user,
      password: user.password,
      empty: true,
    }),
  );
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

function files(servers: Interop, user: InteropUser): string[] {
  const [mailbox = ''] = user.address.split('@');
  return ['new', 'cur'].flatMap((each) => {
    const directory = join(servers.mail, mailbox, 'Maildir', each);
    return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
  });
}

/** How many messages with `marker` in them have been delivered to `user`. */
export function countDelivered(servers: Interop, user: InteropUser, marker: string): number {
  return files(servers, user).filter((path) => readFileSync(path).includes(marker)).length;
}

/** Waits until a message with `marker` in it is in the Maildir of `user`; delivery is not part of what SMTP's 250 says. */
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
  const entry = (await poplib(servers, user)).find(({ raw }) => raw.includes(marker));
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
