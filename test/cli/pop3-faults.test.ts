import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { against, BYE, loggedIn, maildrop, several } from './maildrop.ts';

/** What a faulty server makes of a command as a whole: its exit code, and what is left behind. */

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-faults-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const into = (...more: string[]) => ['retr', 'all', '-o', `${folder}/`, ...more];
const kept = () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));

describe('retr', () => {
  test('the connection ends in the middle of the second message: one file, and no DELE', async () => {
    const { code } = await against(
      `${maildrop(several(2))}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: first
      S: .
      S: +OK
      S: half of
      *: close`,
      into('--delete'),
    );
    expect(code).toBe(75);
    expect(kept()).toEqual(['first\r\n']);
  });

  test('the first message is refused: the second is there, and the failure is told', async () => {
    const { code, stderr } = await against(
      `${maildrop(several(2), { uidl: false })}
      C: RETR 1
      C: RETR 2
      S: -ERR unreadable
      S: +OK
      S: second
      S: .
      ${BYE}`,
      into(),
    );
    expect(code).toBe(69);
    expect(stderr).toContain('the server refused RETR 1: -ERR unreadable');
    expect(kept()).toEqual(['second\r\n']);
  });

  test('a DELE is refused: the others go, and the failure is told', async () => {
    const { code, stderr } = await against(
      `${maildrop(several(2))}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: first
      S: .
      S: +OK
      S: second
      S: .
      C: DELE 1
      C: DELE 2
      S: +OK
      S: -ERR locked
      ${BYE}`,
      into('--delete'),
    );
    expect(code).toBe(69);
    expect(stderr).toContain('DELE 2');
    expect(kept()).toHaveLength(2);
  });

  test('gaps, one unique-id for two messages, and sizes of 1 hold up nothing', async () => {
    const { code } = await against(
      `${loggedIn('UIDL', 'PIPELINING')}
      C: LIST
      S: +OK
      S: 1 1
      S: 3 1
      S: .
      C: UIDL
      S: +OK
      S: 1 same
      S: 3 same
      S: .
      C: RETR 1
      C: RETR 3
      S: +OK
      S: one
      S: .
      S: +OK
      S: three
      S: .
      C: DELE 1
      C: DELE 3
      S: +OK
      S: +OK
      ${BYE}`,
      into('--delete'),
    );
    expect(code).toBe(0);
    expect(kept().sort()).toEqual(['one\r\n', 'three\r\n']);
  });

  test('without UIDL messages come by number', async () => {
    const { code } = await against(
      `${maildrop(several(1), { uidl: false, capabilities: [] })}\nC: RETR 1\nS: +OK\nS: .foo\nS: .\n${BYE}`,
      into(),
    );
    expect(code).toBe(0);
    expect(kept()).toEqual(['.foo\r\n']);
  });

  test('a reply that is none: exit 76, and nothing half is left', async () => {
    const { code } = await against(
      `${maildrop(several(1), { uidl: false })}\nC: RETR 1\nS: here it is\n*: end`,
      ['retr', '1', '-o', join(folder, 'x.eml')],
    );
    expect(code).toBe(76);
    expect(existsSync(join(folder, 'x.eml'))).toBe(false);
    expect(kept()).toEqual([]);
  });
});

describe('dele', () => {
  test.each([
    ['S: -ERR [SYS/TEMP] not now', 75],
    ['S: -ERR locked', 66],
  ])('refused by %s: all marks are taken back', async (answer, exit) => {
    const drop = maildrop(several(1), { capabilities: ['UIDL'] });
    const { code, stdout } = await against(
      `${drop}\nC: TOP 1 0\nS: -ERR what?\nC: DELE 1\n${answer}\nC: RSET\nS: +OK\n${BYE}`,
      ['dele', '1'],
    );
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
  });

  test('one unique-id for two messages names none of them', async () => {
    const { code, stderr } = await against(`${maildrop([{ uid: 'same' }, { uid: 'same' }])}\n*: end`, [
      'dele',
      'uid:same',
    ]);
    expect(code).toBe(66);
    expect(stderr).toContain('2 messages have the unique-id same: 1, 2');
  });
});

describe('the log-in', () => {
  const greeted = 'S: +OK\nC: CAPA\nS: +OK\nS: SASL\nS: .\nC: USER ann\nS: +OK\nC~ ^PASS';
  test.each([
    ['[IN-USE] locked', 75, 'another session has the maildrop open'],
    ['[LOGIN-DELAY] too soon', 75, 'more time between two log-ins'],
    ['[SYS/TEMP] later', 75, 'should pass'],
    ['[SYS/PERM] broken', 69, 'its operator must repair'],
    ['[AUTH] wrong', 77, 'check user and password'],
    ['wrong', 77, 'check user and password'],
  ])('-ERR %s: exit %i', async (words, exit, hint) => {
    const { code, stderr } = await against(`${greeted}\nS: -ERR ${words}\n*: end`, ['stat']);
    expect(code).toBe(exit);
    expect(stderr).toContain(hint);
  });
});
