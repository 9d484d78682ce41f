import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { runForOutput } from '../../src/config/command.ts';
import { MAX_SECRET_SOURCE, readSecret, type SecretIo, SecretSource } from '../../src/config/secret.ts';
import { ConfigError, InterruptedError } from '../../src/errors.ts';
import { eventually } from '../eventually.ts';

const directory = mkdtempSync(join(tmpdir(), 'mailtool-secret-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function fileWith(content: string | Uint8Array, mode = 0o600): string {
  const path = join(directory, `f${files++}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function read(source: SecretSource, io: Partial<SecretIo> = {}): Promise<string | undefined> {
  return readSecret(
    { secret: source },
    { warn: () => expect.unreachable('a warning'), commandStderr() {}, ...io },
  );
}
const file = (path: string, io?: Partial<SecretIo>) => read(new SecretSource('file', 'flag --f', path), io);
const command = (what: string | string[], io?: Partial<SecretIo>) =>
  read(new SecretSource('command', 'flag --c', what), io);
async function* bytes(...chunks: (string | Uint8Array)[]) {
  yield* chunks;
}
const stdin = (...chunks: (string | Uint8Array)[]) =>
  read(new SecretSource('stdin', 'flag --i', ''), { stdin: bytes(...chunks) });

async function refusal(promise: Promise<unknown>): Promise<ConfigError> {
  const error = await promise.catch((caught: unknown) => caught);
  if (!(error instanceof ConfigError)) throw new Error(`not refused: ${String(error)}`);
  // Nothing of what was found, nor of the command or path, may come out.
  expect(inspect(error, { depth: null, showHidden: true }) + JSON.stringify(error)).not.toMatch(/s3cret/);
  return error;
}

describe('any source', () => {
  const ways: [string, (content: string | Uint8Array) => Promise<unknown>][] = [
    ['file', (content) => file(fileWith(content))],
    ['command', (content) => command(['cat', fileWith(content)])],
    ['stdin', (content) => stdin(content)],
  ];
  describe.each(ways)('%s', (_name, from) => {
    it.each([
      ['s3cret', 's3cret'],
      ['s3cret\n', 's3cret'],
      ['s3cret\r\n', 's3cret'],
      [' s3 cret\t\n', ' s3 cret\t'],
      ['pässwörd€\n', 'pässwörd€'],
      ['\ufeffs3cret\r\n', 's3cret'],
    ])('%j is %j', async (content, password) => expect(await from(content)).toBe(password));

    it.each([
      ['', 'is empty'],
      ['\n', 'is empty'],
      ['s3cret\nmore\n', 'line break'],
      ['s3cret\n\n', 'line break'],
      ['\ns3cret', 'line break'],
      ['s3cret\rmore', 'line break'],
      ['s3cret\r', 'line break'],
      ['s3cret\0', 'NUL'],
      [Buffer.from([0x73, 0xff, 0xfe]), 'not UTF-8'],
      ['s3cret'.repeat(1000), 'longer than 4096'],
      ['s3cret'.repeat(MAX_SECRET_SOURCE / 4), 'more than 65536 bytes'],
    ])('%j is refused', async (content, message) => {
      const error = await refusal(from(content));
      expect(error.message).toMatch(/^flag --[fci]: /);
      expect(error.message).toContain(message);
    });
  });

  it('takes 64 KB of it, and no more', async () => {
    const lines = (size: number) => 'x'.repeat(size);
    expect((await refusal(file(fileWith(lines(MAX_SECRET_SOURCE))))).message).toContain('longer than 4096');
    expect((await refusal(file(fileWith(lines(MAX_SECRET_SOURCE + 1))))).message).toContain(
      'more than 65536',
    );
    expect((await refusal(file('/dev/zero', { warn() {} }))).message).toContain('more than 65536');
    expect((await refusal(command('cat /dev/zero'))).message).toContain('more than 65536');
  });

  it('does nothing when it is already over', async () => {
    const io = { signal: AbortSignal.abort() };
    for (const kind of ['text', 'file', 'command', 'stdin'] as const) {
      await expect(read(new SecretSource(kind, 'x', 's3cret'), io)).rejects.toThrow(InterruptedError);
    }
  });
});

describe('text', () => {
  it('is taken as it is', async () => {
    expect(await read(new SecretSource('text', 'environment X', ' p#"\t'))).toBe(' p#"\t');
  });
  it.each(['s3cret\n', 's3cret\r', 's3cret\0', ''])('%j is refused', async (text) => {
    const error = await refusal(read(new SecretSource('text', 'environment X', text)));
    expect(error.message).toMatch(/^environment X: /);
  });
});

describe('a file', () => {
  it.each([
    ['not-there/s3cret', 'there is no such file'],
    ['', 'it is a directory'],
  ])('%j cannot be read', async (name, reason) => {
    const error = await refusal(file(join(directory, name)));
    expect(error.message).toBe(`flag --f: cannot read the password file: ${reason}`);
    expect(error.hint).toBe('check the name of the file');
  });

  it.each([
    [0o600, undefined],
    [0o400, undefined],
    [0o640, '0640'],
    [0o604, '0604'],
    [0o620, '0620'],
    [0o644, '0644'],
  ])('of mode %o is warned of: %s', async (mode, shown) => {
    const warnings: string[] = [];
    expect(await file(fileWith('s3cret\n', mode), { warn: (text) => warnings.push(text) })).toBe('s3cret');
    expect(warnings).toEqual(
      shown === undefined
        ? []
        : [`flag --f: other users may read or change the password file (mode ${shown}): chmod 600 it`],
    );
  });
});

describe('a command', () => {
  it('goes through the shell as a string, and not as an array', async () => {
    expect(await command('printf \'%s\\n\' "$((1+2))x"')).toBe('3x');
    expect(await command(['printf', '%s', '$((1+2))'])).toBe('$((1+2))');
  });

  it('has the environment it is given, and no input', async () => {
    expect(await command('printf %s "$X"; cat', { env: { X: 'from env', PATH: '/bin:/usr/bin' } })).toBe(
      'from env',
    );
  });

  it('has its stderr passed on', async () => {
    const heard: Uint8Array[] = [];
    const error = await refusal(
      command('echo asking >&2; echo s3cret; exit 3', { commandStderr: (chunk) => heard.push(chunk) }),
    );
    expect(error.message).toBe('flag --c: the password command ended with exit code 3');
    expect(Buffer.concat(heard).toString()).toBe('asking\n');
  });

  it('that fails gives no password, whatever it said', async () => {
    expect((await refusal(command('echo s3cret; kill -9 $$'))).message).toContain(
      'ended with signal SIGKILL',
    );
    expect((await refusal(command(['/not/there/s3cret']))).message).toContain(
      'cannot be run: there is no such file',
    );
    expect((await refusal(command('/not/there/s3cret'))).message).toContain('exit code 127');
    expect((await refusal(command(['a\0b']))).message).toContain('cannot be run');
    expect((await refusal(command([]))).message).toContain('cannot be run');
  });

  it('that takes too long is ended, with or without somebody holding its output', async () => {
    const pidFile = join(directory, 'pid');
    const error = await refusal(
      command(`echo $$ > ${pidFile}; echo s3cret; exec sleep 600`, { commandTimeoutMs: 300 }),
    );
    expect(error.message).toContain('took too long');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await eventually(() => expect(alive(pid)).toBe(false));
    // The grandchild keeps the pipe open, which must hold nobody up. It ends by itself, soon.
    expect((await refusal(command('sleep 3 & sleep 600', { commandTimeoutMs: 100 }))).message).toContain(
      'too long',
    );
  });

  it('ends when the run is interrupted', async () => {
    const controller = new AbortController();
    const heard = command('echo started >&2; exec sleep 600', {
      signal: controller.signal,
      commandStderr: () => controller.abort(),
    });
    await expect(heard).rejects.toThrow(InterruptedError);
  });

  it('inherits stderr where nobody asked for it', async () => {
    expect(await runForOutput('echo x', { limit: 10, timeoutMs: 10_000 })).toEqual({
      how: 'done',
      output: Buffer.from('x\n'),
    });
  });
});

describe('standard input', () => {
  it('is read to its end, in any chunks', async () => {
    expect(await stdin('s3', Buffer.from('cr'), 'et', '\n')).toBe('s3cret');
    const split = Buffer.from('pä\n');
    expect(await stdin(split.subarray(0, 2), split.subarray(2))).toBe('pä');
  });
  it('has to be there', async () => {
    expect((await refusal(read(new SecretSource('stdin', 'flag --i', '')))).message).toContain(
      'no standard input',
    );
  });
  it('is left when the run is interrupted', async () => {
    const controller = new AbortController();
    async function* silent(): AsyncGenerator<string> {
      yield 's3cret';
      controller.abort();
      await new Promise(() => {});
    }
    await expect(
      read(new SecretSource('stdin', 'x', ''), { stdin: silent(), signal: controller.signal }),
    ).rejects.toThrow(InterruptedError);
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie that nobody has collected yet still has a number.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
