import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { Output, type OutputOptions, toJson } from '../../src/cli/output.ts';
import { ReaderGone } from '../../src/cli/write-failure.ts';
import { StorageError } from '../../src/errors.ts';

interface Streams {
  readonly io: Io;
  out(): string;
  err(): string;
}

function streams(options: { tty?: boolean; fails?: string; env?: Record<string, string> } = {}): Streams {
  const out: Uint8Array[] = [];
  let err = '';
  const isTTY = options.tty === true;
  const io: Io = {
    env: options.env ?? {},
    cwd: '/',
    stdin: { isTTY, async *read() {} },
    stdout: {
      isTTY,
      columns: isTTY ? 80 : undefined,
      write(bytes) {
        if (options.fails !== undefined) {
          return Promise.reject(Object.assign(new Error(options.fails), { code: options.fails }));
        }
        out.push(bytes);
        return Promise.resolve();
      },
    },
    stderr: {
      isTTY,
      columns: undefined,
      write(text) {
        err += text;
      },
    },
    signal: new AbortController().signal,
    takeSignals() {},
  };
  return { io, out: () => Buffer.concat(out).toString(), err: () => err };
}

const plain: OutputOptions = { json: false, quiet: false, verbosity: 0, color: 'auto' };

describe('Output', () => {
  it('keeps the order of text and octets', async () => {
    const { io, out } = streams();
    const output = new Output(io, plain);
    output.line('one');
    await output.bytes(Buffer.from([0xff, 0x1b]));
    output.line('two');
    await output.flush();
    expect(out()).toBe(
      Buffer.concat([Buffer.from('one\n'), Buffer.from([0xff, 0x1b]), Buffer.from('two\n')]).toString(),
    );
  });

  it('shows octets on a terminal whole, wherever they were cut', async () => {
    const message = 'Grüße 😀\r\n\u001b[31mred\r\n';
    const bytes = Buffer.from(message);
    for (const size of [1, 2, 3, bytes.length]) {
      const { io, out } = streams({ tty: true });
      const output = new Output(io, plain);
      for (let at = 0; at < bytes.length; at += size) await output.bytes(bytes.subarray(at, at + size));
      expect(out(), `${size}`).toBe('Grüße 😀\n^[[31mred\n');
    }
  });

  it.each([
    ['EPIPE', ReaderGone],
    ['ENOSPC', StorageError],
    ['EIO', StorageError],
  ] as const)('tells whoever writes on that %s', async (fails, type) => {
    const output = new Output(streams({ fails }).io, plain);
    await expect(output.bytes(Buffer.from('x'))).rejects.toThrow(type);
    await expect(output.bytes(Buffer.from('y'))).rejects.toThrow(type);
    await expect(output.flush()).rejects.toThrow(type);
  });

  it('writes long text before the end', async () => {
    const { io, out } = streams();
    const output = new Output(io, plain);
    for (let line = 0; line < 10_000; line++) output.line('0123456789');
    await output.flush();
    expect(out().length).toBe(110_000);
  });

  it('prints one document, with what was gathered, and no text beside it', async () => {
    const { io, out } = streams();
    const output = new Output(io, { ...plain, json: true });
    output.line('text');
    output.document({ a: 1, b: [] });
    output.document({ a: 2 });
    output.warn('careful');
    output.finish('mailtool.x/1', 0, undefined);
    output.finish('mailtool.x/1', 1, undefined);
    await output.flush();
    expect(out()).toBe(
      '{"schema":"mailtool.x/1","ok":true,"a":2,"b":[],"warnings":["careful"],"error":null}\n',
    );
  });

  it('takes secrets out of what a server said, on stderr and in the document', async () => {
    const { io, out, err } = streams();
    const output = new Output(io, { ...plain, json: true });
    output.redactWith((text) => text.replaceAll('hunter2', '[redacted]'));
    output.error('the server said hunter2', 'not hunter2');
    output.document({
      greeting: 'hunter2',
      rejected: [{ reply: { text: 'no hunter2' } }],
      capabilities: ['X-hunter2'],
      subject: 'hunter2',
    });
    output.finish('mailtool.x/1', 1, { message: 'hunter2' });
    await output.flush();
    expect(err()).not.toContain('hunter2');
    expect(out().match(/hunter2/g)).toEqual(['hunter2']); // a subject is mail, not a server's word
    expect(out()).toContain('"subject":"hunter2"');
  });

  it('is as talkative as it is asked to be', () => {
    const said = (options: Partial<OutputOptions>, tty = false) => {
      const { io, err } = streams({ tty, env: { NO_COLOR: '1' } });
      const output = new Output(io, { ...plain, ...options });
      output.success('sent');
      output.warn('careful');
      output.verbose('step');
      output.trace('line');
      output.error('failed', 'do this', ['detail']);
      return err();
    };
    const failed = 'mailtool: error: failed\n  detail\nhint: do this\n';
    expect(said({ quiet: true, verbosity: 2 }, true)).toBe(`line\n${failed}`);
    expect(said({})).toBe(`mailtool: warning: careful\n${failed}`);
    expect(said({}, true)).toBe(`sent\nmailtool: warning: careful\n${failed}`);
    expect(said({ verbosity: 1 })).toBe(`sent\nmailtool: warning: careful\nmailtool: step\n${failed}`);
    expect(said({ verbosity: 2 })).toContain('\nline\n');
  });
});

it('toJson escapes what a terminal would obey, and stays the same JSON', () => {
  const text = 'a\u001b\u009b\u202e\u2028\ud800é😀';
  expect(toJson({ text })).toBe('{"text":"a\\u001b\\u009b\\u202e\\u2028\\ud800é😀"}');
  expect(JSON.parse(toJson({ text }))).toEqual({ text });
});
