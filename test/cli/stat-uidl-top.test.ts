import { describe, expect, test } from 'vitest';
import { against, BYE, loggedIn, maildrop, several } from './maildrop.ts';

describe('stat', () => {
  test('messages and octets', async () => {
    const server = (answer: string) => `${loggedIn()}\nC: STAT\nS: +OK ${answer}\n${BYE}`;
    expect(await against(server('3 10240'), ['stat'])).toMatchObject({
      code: 0,
      stdout: '3 10240\n',
      stderr: '',
    });
    expect(JSON.parse((await against(server('3 10240'), ['stat', '--json'])).stdout)).toEqual({
      schema: 'mailtool.stat/1',
      ok: true,
      messages: 3,
      size: 10240,
      warnings: [],
      error: null,
    });
    expect((await against(server('3 10240'), ['stat', '--check'])).code).toBe(0);
    expect(await against(server('0 0'), ['stat', '--check'])).toMatchObject({
      code: 1,
      stdout: '0 0\n',
      stderr: '',
    });
  });

  test.each([
    ['S: -ERR [SYS/TEMP] later', 75],
    ['S: -ERR no', 69],
    ['S: +OK lots', 76],
    ['*: close', 75],
  ])('answered by %s: exit code %i', async (answer, exit) => {
    const { code, stdout, stderr } = await against(`${loggedIn()}\nC: STAT\n${answer}`, ['stat']);
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(stderr).toMatch(/^mailtool: error: .*\nhint: .*\n$/);
  });
});

describe('uidl', () => {
  test('numbers and unique-ids, with what is odd in them made harmless', async () => {
    const server = `${maildrop([{ uid: 'a' }, { uid: 'two words' }, { uid: '\\x1b[2J\\xe9' }])}\n${BYE}`;
    expect((await against(server, ['uidl'])).stdout).toBe('1 a\n2 two words\n3 ^[[2JÃ©\n');
    expect((await against(server, ['uidl', 'last'])).stdout).toBe('3 ^[[2JÃ©\n');
    expect(JSON.parse((await against(server, ['uidl', '2', '--json'])).stdout)).toMatchObject({
      schema: 'mailtool.uidl/1',
      messages: [{ number: 2, uid: 'two words' }],
    });
  });

  test('a server without it', async () => {
    const { code, stderr } = await against(
      `${loggedIn('TOP')}\nC: LIST\nS: +OK\nS: .\nC: UIDL\nS: -ERR\n*: end`,
      ['uidl'],
    );
    expect(code).toBe(69);
    expect(stderr).toContain('the server has no UIDL');
  });
});

describe('top', () => {
  test('the header, and so many lines', async () => {
    const drop = maildrop(several(2), { uidl: false });
    const ran = await against(`${drop}\nC: TOP 2 3\nS: +OK\nS: Subject: x\nS:\nS: ..dot\nS: .\n${BYE}`, [
      'top',
      '2',
      '3',
    ]);
    expect(ran).toMatchObject({ code: 0, stdout: 'Subject: x\r\n\r\n.dot\r\n', stderr: '' });
    const json = await against(`${maildrop(several(1))}\nC: TOP 1 0\nS: +OK\nS: a\nS: .\n${BYE}`, [
      'top',
      'last',
      '--json',
    ]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      messages: [
        { number: 1, uid: 'uid-1', size: 100, raw: { base64: Buffer.from('a\r\n').toString('base64') } },
      ],
    });
  });

  test('a server without it, and a message that is not there', async () => {
    const drop = maildrop(several(1), { uidl: false, capabilities: ['UIDL'] });
    expect((await against(`${drop}\nC: TOP 1 0\nS: -ERR what?\n*: end`, ['top', '1'])).code).toBe(69);
    expect((await against(`${drop}\n*: end`, ['top', '2'])).code).toBe(66);
  });

  test.each([['x'], ['-1'], ['1.5']])('%s lines are none', async (lines) => {
    await expect(against('', ['top', '1', '--', lines])).rejects.toThrow('0 of 1 connections');
  });
});
