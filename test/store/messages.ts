import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type Disk, disk } from '../../src/store/disk.ts';
import { MessageNames } from '../../src/store/names.ts';

export const names = new MessageNames({ host: 'pop.example.org', port: 995, user: 'alice' });
export const nameOf = (uniqueId: string, occurrence = 1) => names.of({ uniqueId, occurrence });

/** A message in chunks, each in the same memory: a chunk is only good until the next is asked for. */
export async function* chunks(text: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  const shared = Buffer.alloc(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    shared.set(part);
    yield shared.subarray(0, part.length);
    shared.fill(0x21);
  }
}

/** A message whose connection ends before it does. */
export async function* cut(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
  throw new Error('the connection ended');
}

/** A new directory for each test. */
export function temporaryDirectory(): (...parts: string[]) => string {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mailtool-store-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  return (...parts) => join(directory, ...parts);
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** A disk that counts its calls, and fails the one that `when` says, once. */
export function faulty(
  when: (call: keyof Disk, count: number, args: readonly unknown[]) => string | undefined,
): { disk: Disk; calls: (keyof Disk)[] } {
  const calls: (keyof Disk)[] = [];
  const counts = new Map<string, number>();
  const wrapped = Object.fromEntries(
    Object.entries(disk).map(([name, call]) => [
      name,
      (...args: unknown[]) => {
        const key = name as keyof Disk;
        calls.push(key);
        const count = (counts.get(name) ?? 0) + 1;
        counts.set(name, count);
        const code = when(key, count, args);
        if (code === undefined) return (call as (...all: unknown[]) => unknown)(...args);
        if (code === 'short') return shortWrite(key, args);
        if (name === 'fsync' || name === 'writeLater') return Promise.reject(systemError(code));
        throw systemError(code);
      },
    ]),
  ) as unknown as Disk;
  return { disk: wrapped, calls };
}

/** Takes one octet, as a disk does that is nearly full. */
function shortWrite(call: keyof Disk, args: readonly unknown[]): unknown {
  const [fd, bytes, position] = args as [number, Uint8Array, number];
  if (call === 'write') return disk.write(fd, bytes.subarray(0, 1), position);
  return disk.writeLater(fd, bytes.subarray(0, 1), position);
}
