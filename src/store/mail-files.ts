import { createReadStream, promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError, InputError } from '../errors.ts';
import { isMbox, mboxExtents, type Octets, unquoted } from './mbox-reader.ts';

/** A message in a file, an mbox or a directory. */
export interface FiledMessage {
  /** From 1, in the order of the mbox, or of arrival. */
  readonly number: number;
  /** Octets, as they are kept. */
  readonly size: number;
  /** Its file's name without flags, in a directory. */
  readonly uid: string | undefined;
  /** All of it, or its first octets when there are more than `most`. */
  read(most: number): Promise<Buffer>;
}

/** Messages that are on the disk: opened once, and read when they are asked for. */
export interface MailFiles extends AsyncDisposable {
  readonly messages: readonly FiledMessage[];
}

/** What came through a pipe is held in memory: no more than this. */
const STREAM_LIMIT = 512 * 1024 * 1024;

/**
 * Opens a message (.eml), an mbox, a Maildir, or a directory of .eml files. Nothing is changed there. `InputError` for what is
 * not there or cannot be read.
 */
export async function openMailFiles(path: string): Promise<MailFiles> {
  return attempted(path, async () => {
    const found = await fs.stat(path);
    if (found.isDirectory()) return openDirectory(path);
    if (!found.isFile()) return openStream(path, createReadStream(path));
    const handle = await fs.open(path, 'r');
    try {
      const source: Octets = {
        size: (await handle.stat()).size,
        read: (position, length) => attempted(path, () => readAt(handle, position, length)),
      };
      const messages = await messagesOf(source);
      return { messages, [Symbol.asyncDispose]: () => handle.close() };
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
  });
}

/** The same for what comes from elsewhere, such as standard input: a message or an mbox. */
export async function openStream(name: string, stream: AsyncIterable<Uint8Array>): Promise<MailFiles> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of stream) {
    octets += chunk.length;
    if (octets > STREAM_LIMIT) throw new DataError(`${name} is too large to be read from a pipe`);
    chunks.push(Buffer.from(chunk));
  }
  const all = Buffer.concat(chunks);
  if (all.length === 0) throw new InputError(`${name} is empty`, { hint: 'a message, or an mbox' });
  const read = (position: number, length: number) =>
    Promise.resolve(all.subarray(position, position + length));
  const messages = await messagesOf({ size: all.length, read });
  return { messages, [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function messagesOf(source: Octets): Promise<FiledMessage[]> {
  if (!isMbox(await source.read(0, 5))) {
    return [
      {
        number: 1,
        size: source.size,
        uid: undefined,
        read: (most) => source.read(0, Math.min(most, source.size)),
      },
    ];
  }
  return (await mboxExtents(source)).map(({ start, end }, index) => ({
    number: index + 1,
    size: end - start,
    uid: undefined,
    read: async (most) => unquoted(await source.read(start, Math.min(most, end - start))),
  }));
}

async function openDirectory(path: string): Promise<MailFiles> {
  const inside = await fs.readdir(path);
  const isMaildir = inside.includes('cur') || inside.includes('new');
  const folders = isMaildir ? ['cur', 'new'].filter((name) => inside.includes(name)) : [''];
  const files: { readonly path: string; readonly name: string; readonly size: number }[] = [];
  for (const folder of folders) {
    const directory = join(path, folder);
    for (const name of isMaildir ? await fs.readdir(directory) : inside) {
      if (name.startsWith('.') || (!isMaildir && !name.endsWith('.eml'))) continue;
      const found = await fs.stat(join(directory, name)).catch(() => undefined); // another program may have moved it
      if (found?.isFile() === true) files.push({ path: join(directory, name), name, size: found.size });
    }
  }
  if (!isMaildir && files.length === 0) {
    throw new InputError(`${path} holds no mail`, {
      hint: 'a Maildir has cur/ or new/, another directory files that end in .eml',
    });
  }
  files.sort((one, other) => arrival(one.name) - arrival(other.name) || (one.name < other.name ? -1 : 1));
  const messages = files.map(({ path: file, name, size }, index) => ({
    number: index + 1,
    size,
    uid: isMaildir ? (name.split(':2,')[0] ?? name) : name,
    read: (most: number) => attempted(file, () => readFile(file, most)),
  }));
  return { messages, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** A Maildir's names begin with the second of delivery. */
function arrival(name: string): number {
  return Number(/^(\d{1,15})\./.exec(name)?.[1] ?? 0);
}

async function readFile(path: string, most: number): Promise<Buffer> {
  const handle = await fs.open(path, 'r');
  try {
    return await readAt(handle, 0, Math.min(most, (await handle.stat()).size));
  } finally {
    await handle.close();
  }
}

async function readAt(handle: fs.FileHandle, position: number, length: number): Promise<Buffer> {
  const into = Buffer.allocUnsafe(Math.max(0, length));
  let at = 0;
  while (at < into.length) {
    const { bytesRead } = await handle.read(into, at, into.length - at, position + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return into.subarray(0, at);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  ENOTDIR: 'part of the path is no directory',
};

async function attempted<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof InputError || cause instanceof DataError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const why = REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new InputError(`cannot read ${path}: ${why}`, { cause });
  }
}
