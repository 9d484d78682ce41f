import { describe, expect, test } from 'vitest';
import { AuthenticationError, UsageError } from '../../src/errors.ts';
import { Transcript } from '../../src/net/transcript.ts';
import { Pop3Client, rawCommand } from '../../src/pop3/index.ts';
import { dialogue } from '../dialogue.ts';

async function run<T>(
  script: string,
  work: (client: Pop3Client) => Promise<T>,
  options: { readonly allowCleartextAuth?: boolean; readonly transcript?: Transcript } = {},
): Promise<T> {
  return await dialogue(`S: +OK hi\nC: CAPA\nS: -ERR what?\n${script}`, {}, async (port) => {
    const client = await Pop3Client.connect({
      host: '127.0.0.1',
      port,
      security: 'none',
      idleTimeoutMs: 2000,
      ...options,
    });
    await using _ = client;
    return await work(client);
  });
}

async function textOf(block: AsyncIterable<Uint8Array> | undefined): Promise<string | undefined> {
  if (block === undefined) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of block) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

describe('raw', () => {
  test('statuses and blocks, each read to its end', async () => {
    const answers = await run(
      `C: LANG
      S: +OK listing:
      S: en English
      S: ..dotted
      S: .
      C: lang en
      S: +OK en
      C: LIST 1
      S: -ERR [SYS/TEMP] no
      C: DELE 1
      S: -ERR log in first
      C: QUIT
      S: +OK bye
      *: end`,
      async (client) => {
        const said: unknown[] = [];
        for (const line of ['LANG', 'lang en', 'LIST 1', 'DELE 1', 'QUIT']) {
          const { ok, line: status, block } = await client.raw(line);
          said.push([ok, status, await textOf(block)]);
        }
        return said;
      },
    );
    expect(answers).toEqual([
      [true, '+OK listing:', 'en English\r\n.dotted\r\n'],
      [true, '+OK en', undefined],
      [false, '-ERR [SYS/TEMP] no', undefined],
      [false, '-ERR log in first', undefined],
      [true, '+OK bye', undefined],
    ]);
  });

  test('USER and PASS log in; what is then marked makes QUIT count', async () => {
    const seen: string[] = [];
    const transcript = new Transcript(({ text }) => void seen.push(text));
    const failed = run(
      `C: USER ann
      S: +OK
      C: PASS open sesame
      S: +OK hello open sesame
      C: DELE 1
      S: +OK
      C: QUIT
      *: close`,
      async (client) => {
        for (const line of ['USER ann', 'PASS open sesame', 'DELE 1']) await client.raw(line);
        expect(client.marked).toBe(true);
        await client.raw('QUIT');
      },
      { allowCleartextAuth: true, transcript },
    );
    await expect(failed).rejects.toMatchObject({ delivery: 'in-doubt' });
    expect(seen.join('\n')).toContain('PASS [redacted');
    expect(seen.join('\n')).not.toMatch(/sesame|ann/);
  });

  test('a password is not written in clear', async () => {
    const failed = run('C: QUIT\nS: +OK\n*: end', (client) => client.raw('USER ann'));
    await expect(failed).rejects.toThrow(AuthenticationError);
  });
});

describe('what may be typed', () => {
  test.each([
    ['AUTH PLAIN AGEAYg==', /AUTH changes/],
    ['auth', /AUTH changes/],
    [' stls', /STLS changes/],
    ['XTND  xmit', /XTND XMIT changes/],
    ['', /empty/],
    ['PASS secret\r\nDELE 1', /control character in PASS$/],
    ['\u001b[0m', /./],
  ])('%j is refused, without its argument', (line, message) => {
    expect(() => rawCommand(line)).toThrow(UsageError);
    expect(() => rawCommand(line)).toThrow(message);
    expect(() => rawCommand(line)).not.toThrow(/AGEAYg|secret/);
  });

  test.each([
    ['list', 'RAWLINES'],
    ['LIST 3', 'RAW'],
    ['LIST  3', 'RAW'],
    ['UIDL ', 'RAWLINES'],
    ['UIDL 3', 'RAW'],
    ['TOP 1 0', 'RAWLINES'],
    ['RETR 1', 'RAWLINES'],
    ['CAPA', 'RAWLINES'],
    ['XTND XLST Subject', 'RAWLINES'],
    ['TOPS', 'RAW'],
    ['NOOP', 'RAW'],
    ['dele 1', 'DELE'],
  ])('%s goes by %s', (line, verb) => {
    expect(rawCommand(line).verb).toBe(verb);
  });

  test('secrets are not shown', () => {
    expect(rawCommand('PASS a b').shown).toBe('PASS [redacted 3 bytes]');
    expect(rawCommand('apop ann 0123abcd').shown).toMatch(/^APOP \[redacted/);
    expect(rawCommand('apop ann 0123abcd').secret).toBe('0123abcd');
    expect(rawCommand('RETR 1').shown).toBe('RETR 1');
  });
});
