import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { mailtool } from '../cli/mailtool.ts';
import { eventually } from '../eventually.ts';

const MESSAGE = ['send', '-f', 'a@example.org', '-t', 'b@example.org', '-s', 's', '-m', 'text'];

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

describe.each([
  [
    'socks5',
    'microsocks',
    (port: number) => ['-i', '127.0.0.1', '-p', `${port}`, '-u', 'ann', '-P', 'pr0xy-word'],
  ],
  [
    'http',
    'tinyproxy',
    (port: number, directory: string) => {
      const path = join(directory, 'tinyproxy.conf');
      writeFileSync(path, `Port ${port}\nListen 127.0.0.1\nBasicAuth ann pr0xy-word\nLogLevel Critical\n`);
      return ['-d', '-c', path];
    },
  ],
] as const)('through the %s proxy of others (%s)', (scheme, program, argumentsFor) => {
  const test = it.skipIf(!has(program));
  let directory: string;
  let sandbox: Sandbox;
  let child: ChildProcess | undefined;
  let port = 0;
  const env = (password: string) => ({
    ...sandbox.environment(),
    MAILTOOL_PROXY: `${scheme}://ann:${password}@127.0.0.1:${port}`,
  });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
    sandbox = await startSandbox({ tls: true });
    if (!has(program)) return;
    port = await freePort();
    child = spawn(program, argumentsFor(port, directory), { stdio: 'ignore' });
    await eventually(async () => expect(await listens(port)).toBe(true));
  });
  afterAll(async () => {
    child?.kill('SIGKILL');
    await sandbox.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('a message goes out by name and comes back by address, under TLS', async () => {
    const sent = await mailtool([...MESSAGE, '--smtp-host', 'localhost'], { env: env('pr0xy-word') });
    expect(sent.code, sent.stderr).toBe(0);
    const got = await mailtool(['retr', 'last'], { env: env('pr0xy-word') });
    expect(got).toMatchObject({ code: 0, stdout: expect.stringContaining('Subject: s') });
  });

  test('a wrong password is 77, a server that is not there 75', async () => {
    expect(await mailtool(MESSAGE, { env: env('wrong-word') })).toMatchObject({ code: 77 });
    const closed = ['--smtp-port', `${await freePort()}`];
    expect(await mailtool([...MESSAGE, ...closed], { env: env('pr0xy-word') })).toMatchObject({ code: 75 });
  });
});
