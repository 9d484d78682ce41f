import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Transform } from 'node:stream';
import { createServer, connect as dialTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { workspace } from './command.ts';
import type { Interop, InteropUser, KeyPair } from './servers.ts';

/** Whose SCRAM it is: GNU SASL binds by tls-exporter only, Cyrus SASL by what it is told. */
export type SaslLibrary = 'gnu' | 'cyrus';
export type TlsVersion = '1.2' | '1.3';

/** One log-in as the server saw it: the first field of the GS2 header, and why it refused (null: it did not). */
export interface SeenLogin {
  readonly mechanism: string;
  readonly header: string;
  readonly error: string | null;
}

/** A server of `channel-bound.py` on loopback, with `user` in it; `logins` are those that have ended. */
export interface BoundServer extends AsyncDisposable {
  readonly port: number;
  readonly logins: readonly SeenLogin[];
}

export interface BoundServerOptions {
  readonly library: SaslLibrary;
  readonly protocol: 'smtp' | 'pop3';
  readonly tls: TlsVersion;
  readonly user: InteropUser;
  /** False: it knows no channel binding, and offers no -PLUS. */
  readonly binding?: boolean;
}

/** Starts one with the certificate of `servers.tls.server`, TLS from the first octet. */
export async function boundServer(servers: Interop, options: BoundServerOptions): Promise<BoundServer> {
  const { user, password } = options.user;
  const files = workspace();
  const wanted = { binding: true, ...options, ...servers.tls.server, user, password, directory: files.path };
  const script = fileURLToPath(new URL('channel-bound.py', import.meta.url));
  // The system's own Python: its modules are those of the packages that .ci/run installs.
  const child: ChildProcessWithoutNullStreams = spawn('/usr/bin/python3', [script]);
  const complaints: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.write(`${JSON.stringify(wanted)}\n`);
  const ended = once(child, 'close');
  const logins: SeenLogin[] = [];
  const lines = createInterface({ input: child.stdout });
  const port = await new Promise<number>((resolve, reject) => {
    lines.once('line', (first) => {
      lines.on('line', (line) => logins.push(JSON.parse(line) as SeenLogin));
      resolve(Number(first));
    });
    ended.then(() => reject(new Error(`channel-bound.py: ${Buffer.concat(complaints)}`)), reject);
  });
  return {
    port,
    logins,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
      files.remove();
    },
  };
}

/**
 * Somebody in the middle, on `port` of loopback: TLS with the client by `certificate`, TLS with the server behind, and every
 * octet passed on; with `stripPlus` the server's words without "-PLUS".
 */
export async function middleman(
  behind: number,
  certificate: KeyPair,
  tls: TlsVersion,
  stripPlus = false,
): Promise<AsyncDisposable & { readonly port: number }> {
  const version = `TLSv${tls}` as const;
  const versions = { minVersion: version, maxVersion: version };
  const [key, cert] = [readFileSync(certificate.key), readFileSync(certificate.cert)];
  const server = createServer({ key, cert, ...versions }, (client) => {
    const further = dialTls({ port: behind, host: '127.0.0.1', rejectUnauthorized: false, ...versions });
    for (const [one, other] of [
      [client, further],
      [further, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    client.pipe(further);
    const change = new Transform({
      transform: (chunk: Buffer, _, done) =>
        done(null, stripPlus ? chunk.toString('latin1').replaceAll('-PLUS', '') : chunk),
    });
    further.pipe(change).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
