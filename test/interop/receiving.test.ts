import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { json, mailtool, pop3Login, workspace } from './command.ts';
import { type DropEntry, deliver, delivered, empty, poplib, sha256 } from './maildrop.ts';
import { account, describeInterop, type Interop, type InteropUser } from './servers.ts';

/** Messages that framing and unstuffing get wrong, one by one. */
function awkward(): [string, Buffer][] {
  const head = (subject: string): string => `From: a@mail.test\r\nTo: b@mail.test\r\nSubject: ${subject}\r\n`;
  return [
    ['only a header', `${head('only a header')}\r\n`],
    ['dots', `${head('dots')}\r\n.\r\n..\r\n...\r\n.a\r\n..b\r\na.\r\n.\r\n`],
    ['no line end', `${head('no line end')}\r\nthe last line`],
    ['8 bit', `${head('8 bit')}Content-Type: text/plain; charset=gb2312\r\n\r\n\xc4\xe3\xba\xc3\r\n`],
    ['a long line', `${head('a long line')}\r\n${'0123456789'.repeat(99)}\r\n`],
    ['many empty lines', `${head('many empty lines')}${'\r\n'.repeat(5000)}`],
    ['many lines', `${head('many lines')}\r\n${'.line\r\n'.repeat(60_000)}`],
    ['an escape', `${head('\x1b]0;owned\x07\x1b[31mred')}\r\n\x1b[2Jgone?\r\n`],
  ].map(([name = '', text = '']) => [name, Buffer.from(text, 'latin1')]);
}

async function fill(servers: Interop, user: InteropUser, messages: readonly Buffer[]): Promise<DropEntry[]> {
  await empty(servers, user);
  for (const message of messages) {
    const marker = randomUUID();
    await deliver(servers, user, Buffer.concat([Buffer.from(`X-Marker: ${marker}\r\n`), message]));
    await delivered(servers, user, marker);
  }
  return poplib(servers, user);
}

describeInterop('receive from Dovecot', (servers) => {
  const ways = {
    STLS: { port: servers.pop3.stls, tls: 'starttls' },
    'implicit TLS': { port: servers.pop3.implicit, tls: 'implicit' },
    'no TLS': { port: servers.pop3.stls, tls: 'none' },
  } as const;

  describe('list and retr', () => {
    const user = account(servers, 'frank');
    const messages = awkward();
    let drop: DropEntry[] = [];
    beforeAll(async () => {
      drop = await fill(
        servers,
        user,
        messages.map(([, bytes]) => bytes),
      );
    }, 120_000);
    const env = (way: keyof typeof ways): Record<string, string> => ({
      ...pop3Login(servers, { user, ...ways[way] }),
      ...(way === 'no TLS' ? { MAILTOOL_POP3_AUTH: 'cram-md5' } : {}),
    });

    it.each(Object.keys(ways) as (keyof typeof ways)[])(
      'gives the bytes that poplib gives, over %s',
      async (way) => {
        expect(drop).toHaveLength(messages.length);
        for (const entry of drop) {
          const outcome = await mailtool(['retr', `uid:${entry.uid}`], { env: env(way) });
          expect(outcome.stderr).toBe('');
          expect(outcome.status).toBe(0);
          expect(sha256(outcome.stdout)).toBe(entry.sha256);
        }
      },
    );

    it('writes all of them into a directory', async () => {
      const files = workspace();
      try {
        const outcome = await mailtool(['retr', 'all', '--json', '-o', `${files.path}/`], {
          env: env('STLS'),
        });
        expect(outcome.stderr).toBe('');
        expect(outcome.status).toBe(0);
        const result = json(outcome)['messages'] as {
          uid: string;
          sha256: string;
          path: string;
          size: number;
        }[];
        expect(result.map(({ uid, sha256 }) => [uid, sha256])).toEqual(
          drop.map((entry) => [entry.uid, entry.sha256]),
        );
        for (const each of result) expect(sha256(readFileSync(each.path))).toBe(each.sha256);
        expect(readdirSync(files.path)).toHaveLength(drop.length);
      } finally {
        files.remove();
      }
    });

    it('writes one into a file, whole or with LF lines, and never over another', async () => {
      const files = workspace();
      try {
        const path = join(files.path, 'one.eml');
        const [, dots] = drop;
        if (dots === undefined) throw new Error('no second message');
        expect((await mailtool(['retr', '2', '-o', path], { env: env('STLS') })).status).toBe(0);
        expect(sha256(readFileSync(path))).toBe(dots.sha256);
        expect((await mailtool(['retr', '1', '-o', path], { env: env('STLS') })).status).not.toBe(0);
        expect(sha256(readFileSync(path))).toBe(dots.sha256);
        const lf = await mailtool(['retr', '--lf', '2'], { env: env('STLS') });
        expect(
          lf.stdout.equals(Buffer.from(dots.raw.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')),
        ).toBe(true);
        expect(readdirSync(files.path)).toEqual(['one.eml']);
      } finally {
        files.remove();
      }
    });

    it('lists numbers, sizes, unique-ids and subjects', async () => {
      const outcome = await mailtool(['list', '--json', '--all'], { env: env('STLS') });
      expect(outcome.stderr).toBe('');
      expect(outcome.status).toBe(0);
      const result = json(outcome);
      expect(result).toMatchObject({ ok: true, total: drop.length });
      const rows = result['messages'] as { number: number; uid: string; size: number; subject: string }[];
      const byNumber = [...rows].sort((a, b) => a.number - b.number);
      expect(byNumber.map(({ number, uid, size }) => [number, uid, size])).toEqual(
        drop.map(({ number, uid, size }) => [number, uid, size]),
      );
      expect(byNumber.slice(0, 7).map((row) => row.subject)).toEqual(
        messages.slice(0, 7).map(([name]) => name),
      );
      expect(rows[0]?.number).toBe(drop.length);
      for (const args of [
        ['list', '--all'],
        ['list', '--all', '--plain'],
      ]) {
        const text = (await mailtool(args, { env: env('STLS') })).stdout.toString('utf8');
        expect(text).toContain('many lines');
        expect(text).not.toContain('\x1b');
      }
    });

    it('stat, uidl and top agree', async () => {
      const total = drop.reduce((sum, entry) => sum + entry.size, 0);
      expect((await mailtool(['stat'], { env: env('implicit TLS') })).stdout.toString()).toBe(
        `${drop.length} ${total}\n`,
      );
      const uidl = await mailtool(['uidl'], { env: env('implicit TLS') });
      expect(uidl.stdout.toString()).toBe(drop.map(({ number, uid }) => `${number} ${uid}\n`).join(''));
      const top = await mailtool(['top', '2', '3'], { env: env('implicit TLS') });
      const raw = drop[1]?.raw.toString('latin1') ?? '';
      const body = raw.indexOf('\r\n\r\n') + 4;
      expect(top.stdout.toString('latin1')).toBe(`${raw.slice(0, body)}.\r\n..\r\n...\r\n`);
    });

    it.each([['99'], ['uid:none-such'], ['7-99', '-o', 'x/']])(
      'says so when %s is not there',
      async (...selection) => {
        const outcome = await mailtool(['retr', ...selection], { env: env('STLS') });
        expect(outcome.status).toBe(66);
        expect(outcome.stdout.length).toBe(0);
        expect(outcome.stderr).toMatch(/^mailtool: error: .+/);
      },
    );
  });

  describe('dele', () => {
    const user = account(servers, 'grace');
    const env = pop3Login(servers, { user, port: servers.pop3.stls, tls: 'starttls' });
    const message = (subject: string): Buffer => Buffer.from(`Subject: ${subject}\r\n\r\n${subject}\r\n`);

    it('removes just the message that its unique-id names', async () => {
      const before = await fill(servers, user, ['one', 'two', 'three'].map(message));
      const [one, two, three] = before;
      if (one === undefined || two === undefined || three === undefined)
        throw new Error('three messages are needed');
      const outcome = await mailtool(['dele', '--json', `uid:${two.uid}`], { env });
      expect(outcome.stderr).toBe('');
      expect(outcome.status).toBe(0);
      expect(json(outcome)).toMatchObject({
        ok: true,
        committed: true,
        deleted: [{ number: 2, uid: two.uid }],
      });
      const after = await poplib(servers, user);
      expect(after.map(({ uid, sha256 }) => [uid, sha256])).toEqual(
        [one, three].map(({ uid, sha256 }) => [uid, sha256]),
      );
    });

    it('removes all or nothing', async () => {
      const before = await fill(servers, user, ['one', 'two', 'three'].map(message));
      const outcome = await mailtool(['dele', '1', 'uid:none-such', '3'], { env });
      expect(outcome.status).toBe(66);
      expect((await poplib(servers, user)).map((entry) => entry.uid)).toEqual(
        before.map((entry) => entry.uid),
      );
    });

    it('removes nothing when it only tells what it would do', async () => {
      const before = await fill(servers, user, ['one', 'two'].map(message));
      expect((await mailtool(['dele', '1', '--dry-run'], { env })).status).toBe(0);
      expect((await poplib(servers, user)).map((entry) => entry.uid)).toEqual(
        before.map((entry) => entry.uid),
      );
    });

    it('does not take a range without being sure', async () => {
      const before = await fill(servers, user, ['one', 'two'].map(message));
      expect((await mailtool(['dele', 'all'], { env })).status).toBe(64);
      expect((await poplib(servers, user)).map((entry) => entry.uid)).toEqual(
        before.map((entry) => entry.uid),
      );
      expect((await mailtool(['dele', 'all', '-y'], { env })).status).toBe(0);
      expect(await poplib(servers, user)).toEqual([]);
    });
  });
});
