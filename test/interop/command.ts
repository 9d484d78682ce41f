import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Interop, InteropUser } from './servers.ts';

/** The command under test, as an installed package has it. */
export const BIN = fileURLToPath(new URL('../../bin/mailtool.cjs', import.meta.url));

/** What a finished process left. `status` is null when a signal ended it. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Null: nothing comes, and it stays open. */
  readonly stdin?: string | Uint8Array | null;
  readonly cwd?: string;
  /** Called with all that standard error has said, whenever it says more. */
  readonly onStderr?: (text: string) => void;
}

/** Runs a program with nothing in its environment but what is given and a PATH; never through a shell. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? tmpdir(),
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr.push(chunk);
      options.onStderr?.(Buffer.concat(stderr).toString('utf8'));
    });
    child.stdin.on('error', () => undefined); // a program need not read its input to the end
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8') });
    });
    if (options.stdin !== null) child.stdin.end(options.stdin ?? '');
    child.on('exit', () => child.stdin.destroy());
  });
}

/** A directory of a test's own, and its end. */
export function workspace(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** How to log in to one of the two servers: variables of the environment, as a user would set them. */
export interface Login {
  readonly user: InteropUser;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly mechanism?: string;
  readonly password?: string;
  readonly host?: string;
}

function variables(protocol: 'SMTP' | 'POP3', servers: Interop, login: Login): Record<string, string> {
  return {
    [`MAILTOOL_${protocol}_HOST`]: login.host ?? servers.host,
    [`MAILTOOL_${protocol}_PORT`]: String(login.port),
    [`MAILTOOL_${protocol}_TLS`]: login.tls,
    [`MAILTOOL_${protocol}_USER`]: login.user.user,
    [`MAILTOOL_${protocol}_PASSWORD`]: login.password ?? login.user.password,
    ...(login.mechanism === undefined ? {} : { [`MAILTOOL_${protocol}_AUTH`]: login.mechanism }),
    MAILTOOL_TLS_CA: servers.tls.ca,
    MAILTOOL_DEADLINE: '120s',
    MAILTOOL_FROM: `"The Sender" <sender@${servers.domain}>`,
  };
}

export const smtpLogin = (servers: Interop, login: Login): Record<string, string> =>
  variables('SMTP', servers, login);
export const pop3Login = (servers: Interop, login: Login): Record<string, string> =>
  variables('POP3', servers, login);

/** A listener that wants no login. */
export function smtpOpen(servers: Interop, port: number): Record<string, string> {
  return {
    MAILTOOL_SMTP_HOST: servers.host,
    MAILTOOL_SMTP_PORT: String(port),
    MAILTOOL_SMTP_TLS: 'none',
    MAILTOOL_DEADLINE: '120s',
    MAILTOOL_FROM: `"The Sender" <sender@${servers.domain}>`,
  };
}

/** Runs mailtool in an empty directory with an empty home, so that no file of the machine steers it. */
export async function mailtool(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const home = workspace();
  try {
    return await run(process.execPath, [BIN, ...args], {
      cwd: home.path,
      ...options,
      env: { HOME: home.path, ...options.env },
    });
  } finally {
    home.remove();
  }
}

/** The one JSON document on stdout. */
export function json(outcome: Outcome): Record<string, unknown> {
  const text = outcome.stdout.toString('utf8');
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Error(
      `not one JSON document on stdout: ${JSON.stringify(text.slice(0, 500))}; stderr: ${outcome.stderr}`,
    );
  }
}
