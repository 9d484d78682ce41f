import { open } from 'node:fs/promises';
import type { Account } from '../../config/index.ts';
import { DataError, InputError, StorageError } from '../../errors.ts';
import { placeOf } from '../connection.ts';
import type { Context } from '../context.ts';
import { kindOf, OutputFile } from '../output-file.ts';

const SCHEMA = 'mailtool.snapshot/1';
const BEGINNING = `{"schema":"${SCHEMA}"`;
/** As many unique-ids as a maildrop can have, and no more. */
const LARGEST = 128 * 1024 * 1024;

/** The maildrop that a snapshot is of: unique-ids mean nothing in another. */
function maildropOf(account: Account): string {
  return `${account.username ?? ''}@${placeOf(account)}`;
}

/** `StorageError` where `path` is something else than a snapshot: what is there is not written over. */
export async function checkSnapshotPlace(path: string): Promise<void> {
  const there = path === '-' ? 'nothing' : await kindOf(path);
  if (there === 'nothing' || there === 'special') return;
  if (there === 'file' && (await startOf(path)) === BEGINNING) return;
  throw new StorageError(
    `${path} is there already, and is no snapshot`,
    { path, step: 'create' },
    { retryable: false, hint: 'name another file' },
  );
}

/** Writes the unique-ids that are there now; a snapshot from earlier is replaced, in one step. */
export async function writeSnapshot(
  ctx: Context,
  path: string,
  account: Account,
  uids: readonly string[],
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify({ schema: SCHEMA, maildrop: maildropOf(account), uids })}\n`);
  if (path === '-') return ctx.output.bytes(bytes);
  const file = await OutputFile.create(path, true);
  try {
    await file.write(bytes);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.commit(true);
}

/** The unique-ids of a snapshot. `InputError` where there is none, `DataError` where it is none, or of another maildrop. */
export async function readSnapshot(ctx: Context, path: string, account: Account): Promise<readonly string[]> {
  const { maildrop, uids } = parseSnapshot(path, await (path === '-' ? readStdin(ctx) : readFile(path)));
  if (maildrop === maildropOf(account)) return uids;
  throw new DataError(`${path} is the snapshot of another maildrop: ${maildrop.slice(0, 200)}`, {
    hint: `this one is ${maildropOf(account)}`,
  });
}

function parseSnapshot(path: string, text: string): { readonly maildrop: string; readonly uids: string[] } {
  try {
    const { schema, maildrop, uids } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const isWhole = Array.isArray(uids) && uids.every((uid) => typeof uid === 'string');
    if (schema === SCHEMA && typeof maildrop === 'string' && isWhole) return { maildrop, uids };
  } catch {
    // No JSON, or null.
  }
  throw new DataError(`${path} is no snapshot`, { hint: 'mailtool wait --snapshot FILE writes one' });
}

/** Empty where the file cannot be read. */
async function startOf(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING.length), 0, BEGINNING.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } catch {
    return '';
  }
}

async function readFile(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    if ((await file.stat()).size > LARGEST) throw new Error('it is too large for a snapshot');
    return await file.readFile('utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`cannot read the snapshot ${path}: ${reason}`, {
      cause,
      hint: 'mailtool wait --snapshot FILE writes one',
    });
  }
}

async function readStdin(ctx: Context): Promise<string> {
  const kept: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of ctx.io.stdin.read(ctx.signal)) {
    octets += chunk.length;
    if (octets > LARGEST) throw new DataError('standard input is too large for a snapshot');
    kept.push(chunk);
  }
  return Buffer.concat(kept).toString('utf8');
}
