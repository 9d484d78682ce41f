import { ConfigError } from '../errors.ts';
import { codeOf, type Disk } from './disk.ts';
import { failed, step } from './failure.ts';
import { type Entry, readHeader, readLine } from './journal-line.ts';
import { release } from './writing.ts';

const BLOCK = 1024 * 1024;
/** A unique-id has at most 1,000 octets, and six characters each at worst. */
const LONGEST_LINE = 8 * 1024;
/** So many damaged lines are an accident; more, and more than there are good ones, and nothing in the file can be believed. */
const ACCIDENTS = 10;

export interface JournalContent {
  readonly entries: Map<string, Entry>;
  /** Lines that could not be read. */
  readonly damaged: number;
  /** Lines behind the header, damaged or not. */
  readonly lines: number;
  /** Where the last whole line ends; 0: there is no journal yet. */
  readonly size: number;
}

/** Reads a journal in blocks. What comes behind the last line end was never finished, and is left out. */
export function readJournal(disk: Disk, path: string, account: string): JournalContent {
  let fd: number;
  try {
    fd = disk.open(path, 'r');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return { entries: new Map(), damaged: 0, lines: 0, size: 0 };
    throw failed(path, 'open', cause);
  }
  try {
    return readLines(disk, path, fd, account);
  } finally {
    release(disk, fd);
  }
}

function readLines(disk: Disk, path: string, fd: number, account: string): JournalContent {
  const entries = new Map<string, Entry>();
  let header = false;
  let damaged = 0;
  let lines = 0;
  let size = 0;
  for (const { text, end } of wholeLines(disk, path, fd)) {
    size = end;
    if (!header) {
      checkHeader(path, text, account);
      header = true;
      continue;
    }
    lines++;
    const line = readLine(text);
    if (line === undefined) damaged++;
    else entries.set(line.key, line.entry);
  }
  // A journal gets its name when it is whole, so even an empty one was one once.
  if (!header) throw unbelievable(path, 'is no journal of mailtool');
  if (damaged > ACCIDENTS && damaged * 2 > lines)
    throw unbelievable(path, `is damaged (${damaged} of ${lines} lines)`);
  return { entries, damaged, lines, size };
}

function checkHeader(path: string, text: string, account: string): void {
  const header = readHeader(text);
  if (header === 'newer') throw unbelievable(path, 'was written by a newer mailtool');
  if (header === 'unreadable')
    throw unbelievable(path, 'is no journal of mailtool, or its first line is damaged');
  if (comparable(header.account) !== comparable(account))
    throw unbelievable(path, `is the journal of ${header.account}, not of ${account}`);
}

/** The name of a host means the same in large and small letters, and the file's name does not tell them apart either. */
function comparable(account: string): string {
  const at = account.lastIndexOf('@');
  return account.slice(0, at) + account.slice(at).toLowerCase();
}

/** Lines without their ends, and where each ends. Of one that is too long only the beginning comes: it is damaged anyway. */
function* wholeLines(disk: Disk, path: string, fd: number): Generator<{ text: string; end: number }> {
  const block = Buffer.allocUnsafe(BLOCK);
  let rest = '';
  for (let at = 0; ; ) {
    const read = step(path, 'read', () => disk.read(fd, block, at));
    if (read === 0) return;
    const text = block.toString('latin1', 0, read);
    let start = 0;
    for (let lf = text.indexOf('\n'); lf !== -1; lf = text.indexOf('\n', start)) {
      yield { text: rest + text.slice(start, lf), end: at + lf + 1 };
      rest = '';
      start = lf + 1;
    }
    rest = (rest + text.slice(start)).slice(0, LONGEST_LINE);
    at += read;
  }
}

/** It is never begun anew unasked: then everything on the server would be new. */
function unbelievable(path: string, what: string): ConfigError {
  return new ConfigError(`${path} ${what}`, {
    stage: 'store',
    hint: 'it says what was fetched before: restore it, or move it away to fetch everything again',
  });
}
