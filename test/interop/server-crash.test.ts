import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { batchOf, textsIn } from './batches.ts';
import { mailtool, pop3Login, workspace } from './command.ts';
import { deliverMany, empty, poplib } from './maildrop.ts';
import { relayTo } from './relay.ts';
import { account, describeInterop, type Interop, type InteropUser } from './servers.ts';

/** How often the server goes away, at the least, in the two tests of each kind; `MAILTOOL_KILLS` has more. */
const KILLS = Number(process.env['MAILTOOL_KILLS'] ?? 20) / 2;
/** So often before the maildrop is given the time to be emptied. */
const KILLS_PER_BATCH = 6;

/** The process of Dovecot that serves a session of `user`: it works in that user's home. */
function sessionOf(servers: Interop, user: InteropUser): number | undefined {
  const home = join(servers.mail, user.address.slice(0, user.address.lastIndexOf('@')));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/comm`, 'latin1') === 'pop3\n' &&
          readlinkSync(`/proc/${pid}/cwd`) === home
        );
      } catch {
        return false;
      }
    });
}

/** What has to be true of the mailbox at any time, and in the end. */
function mailboxOf(folder: string) {
  const inbox = join(folder, 'Mail/new');
  return {
    /** Between two runs: no message is half there, and none is on its way. */
    check(wanted: readonly string[]) {
      const known = new Set(wanted);
      expect(textsIn(inbox).filter((text) => !known.has(text))).toEqual([]);
      expect(readdirSync(join(folder, 'Mail/tmp'))).toEqual([]);
    },
    /** In the end: each of them, once. */
    checkAll(wanted: readonly string[]) {
      expect(textsIn(inbox).sort()).toEqual([...wanted].sort());
      expect(readdirSync(join(folder, 'state')).filter((name) => !/\.(?:journal|lock)$/.test(name))).toEqual(
        [],
      );
    },
  };
}

const ways = (servers: Interop) =>
  [
    { name: 'TLS', port: servers.pop3.implicit, tls: 'implicit' },
    { name: 'no TLS', port: servers.pop3.stls, tls: 'none', mechanism: 'cram-md5' },
  ] as const;
type Way = ReturnType<typeof ways>[number];

interface Attempt {
  readonly status: number | null;
  readonly stderr: string;
  /** Whether the server went away in it. */
  readonly hit: boolean;
}

/** Fetches batch after batch by `attempt`, which has the server go away, until it did so often enough. */
async function endure(
  servers: Interop,
  { port, way }: { readonly port: number; readonly way: Way },
  attempt: (args: readonly string[], env: Readonly<Record<string, string>>) => Promise<Attempt>,
  done: () => void = () => undefined,
): Promise<void> {
  const user = userOf(servers, way);
  await empty(servers, user);
  const marker = randomUUID();
  const files = workspace();
  const mailbox = mailboxOf(files.path);
  const env = {
    ...pop3Login(servers, { ...way, user, port }),
    HOME: files.path,
    MAILTOOL_STATE_DIR: join(files.path, 'state'),
  };
  const args = ['fetch', '--maildir', join(files.path, 'Mail'), '--delete'];
  const wanted: string[] = [];
  const exits: Record<string, number> = {};
  let hits = 0;
  const begun = performance.now();
  for (let round = 1; hits < KILLS; round++) {
    const batch = batchOf(marker, round);
    wanted.push(...batch);
    deliverMany(servers, user, batch);
    for (let tries = 0; tries < KILLS_PER_BATCH; tries++) {
      const { status, stderr, hit } = await attempt(args, env);
      exits[String(status)] = (exits[String(status)] ?? 0) + 1;
      mailbox.check(wanted);
      // Gone when it had answered QUIT, the server had done its work.
      if (status !== 0) expect(hit && mayExit(status, stderr), `${status}: ${stderr}`).toBe(true);
      if (!hit) break;
      hits += 1;
    }
    const last = await mailtool(args, { env });
    expect({ status: last.status, stderr: last.stderr }).toEqual({ status: 0, stderr: '' });
    done();
  }
  expect(await poplib(servers, user, marker)).toEqual([]);
  mailbox.checkAll(wanted);
  files.remove();
  if (process.env['MAILTOOL_KILLS'] !== undefined)
    console.log({
      way: way.name,
      hits,
      messages: wanted.length,
      exits,
      ms: Math.round(performance.now() - begun),
    });
}

const userOf = (servers: Interop, { tls }: Way) => account(servers, tls === 'none' ? 'olga' : 'peter');

/** Try later, or nobody answered QUIT; a hang-up within the handshake may also be a port without TLS. */
const mayExit = (status: number | null, stderr: string) =>
  status === 75 || status === 79 || (status === 76 && stderr.includes('during the TLS handshake'));

describeInterop(
  'fetch --delete, its server gone again and again: each message is stored once, whole',
  (servers) => {
    it.each(ways(servers))(
      'the connection is reset after any octet, over $name',
      async (way) => {
        await using relay = await relayTo({ host: servers.host, port: way.port });
        let usual = { server: 450_000, client: 6_000 };
        const attempt = async (args: readonly string[], env: Readonly<Record<string, string>>) => {
          const side = Math.random() < 0.5 ? 'server' : 'client';
          relay.cut =
            way.tls === 'none' && Math.random() < 0.2
              ? { side: 'client', word: 'QUIT\r\n' }
              : { side, after: Math.ceil(Math.random() * usual[side]) };
          const { status, stderr } = await mailtool(args, { env });
          relay.cut = undefined;
          return { status, stderr, hit: relay.wasCut() };
        };
        await endure(servers, { port: relay.port, way }, attempt, () => {
          usual = {
            server: Math.max(usual.server, relay.passed.server),
            client: Math.max(usual.client, relay.passed.client),
          };
        });
      },
      600_000,
    );

    it.each(ways(servers))(
      'its process is killed with SIGKILL, over $name',
      async (way) => {
        const user = userOf(servers, way);
        const attempt = async (args: readonly string[], env: Readonly<Record<string, string>>) => {
          let over = false;
          const ended = mailtool(args, { env }).finally(() => {
            over = true;
          });
          let session: number | undefined;
          while (!over && session === undefined) {
            await pause(5);
            session = sessionOf(servers, user);
          }
          await pause(Math.random() * 200);
          const hit = !over && session !== undefined && session === sessionOf(servers, user);
          if (hit && session !== undefined) process.kill(session, 'SIGKILL');
          return { ...(await ended), hit };
        };
        await endure(servers, { port: way.port, way }, attempt);
      },
      600_000,
    );
  },
);
