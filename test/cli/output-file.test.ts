import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OutputFile } from '../../src/cli/output-file.ts';
import { StorageError } from '../../src/errors.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('it has its name only when it is whole, and nobody else may read it', async () => {
  const path = join(dir, 'a.eml');
  const file = await OutputFile.create(path, false);
  await file.write(Buffer.from('half'));
  expect(readdirSync(dir)).toHaveLength(1);
  expect(readdirSync(dir)).not.toContain('a.eml');
  await file.write(Buffer.from(', whole'));
  expect(await file.commit(false)).toBe(path);
  expect(readdirSync(dir)).toEqual(['a.eml']);
  expect(readFileSync(path, 'utf8')).toBe('half, whole');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('what is discarded leaves nothing', async () => {
  const file = await OutputFile.create(join(dir, 'a.eml'), false);
  await file.write(Buffer.from('half'));
  await file.discard();
  expect(readdirSync(dir)).toEqual([]);
});

test('a file that is there stays as it is', async () => {
  const path = join(dir, 'a.eml');
  writeFileSync(path, 'old');
  await expect(OutputFile.create(path, false)).rejects.toMatchObject({ step: 'create', retryable: false });
  expect(readdirSync(dir)).toEqual(['a.eml']);
  expect(readFileSync(path, 'utf8')).toBe('old');
});

test('also one that came meanwhile', async () => {
  const path = join(dir, 'a.eml');
  const file = await OutputFile.create(path, false);
  writeFileSync(path, 'meanwhile');
  await expect(file.commit(false)).rejects.toThrow(StorageError);
  expect(readFileSync(path, 'utf8')).toBe('meanwhile');
  expect(readdirSync(dir)).toEqual(['a.eml']);
});

test('with force it is replaced in one step', async () => {
  const path = join(dir, 'a.eml');
  writeFileSync(path, 'old');
  const file = await OutputFile.create(path, true);
  await file.write(Buffer.from('new'));
  expect(readFileSync(path, 'utf8')).toBe('old');
  await file.commit(true);
  expect(readFileSync(path, 'utf8')).toBe('new');
});

test('a link that leads nowhere is something that is there', async () => {
  symlinkSync(join(dir, 'nowhere'), join(dir, 'a.eml'));
  await expect(OutputFile.create(join(dir, 'a.eml'), false)).rejects.toThrow(StorageError);
});

test('a device is written to as it is', async () => {
  const file = await OutputFile.create('/dev/null', false);
  await file.write(Buffer.from('x'));
  expect(await file.commit(false)).toBe('/dev/null');
});

test('a full device is an error', async () => {
  const file = await OutputFile.create('/dev/full', false);
  await expect(file.write(Buffer.from('x'))).rejects.toMatchObject({
    step: 'write',
    message: /no space left/,
  });
  await file.discard();
});

test.each(['no/such/place/a.eml', '.'])('%s cannot be written', async (path) => {
  await expect(OutputFile.create(join(dir, path), false)).rejects.toMatchObject({ step: 'create' });
});
