import { describe, expect, test } from 'vitest';
import { PASSWORD } from '../pop3/scripts.ts';
import { against, BYE } from './maildrop.ts';
import { mailtool } from './mailtool.ts';

const capa = 'C: CAPA\nS: +OK\nS: LANG\nS: USER\nS: .';
const logIn = `C: USER ann\nS: +OK\nC: PASS ${PASSWORD}\nS: +OK`;
const stat = `C: STAT\nS: +OK 1 10\n${BYE}`;
const speaking = (answer: string) => `S: +OK\n${capa}\nC: LANG de-CH\n${answer}\n${logIn}\n${capa}\n${stat}`;

describe('--pop3-lang', () => {
  test('asks for it', async () => {
    const ran = await against(speaking('S: +OK de-CH'), ['stat', '--pop3-lang', 'de-CH']);
    expect(ran).toMatchObject({ code: 0, stdout: '1 10\n', stderr: '' });
  });

  test('a refusal is a warning', async () => {
    const env = { MAILTOOL_POP3_LANG: 'de-CH' };
    const { code, stdout, stderr } = await against(speaking('S: -ERR \\x1b[31m no'), ['stat'], { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1 10\n' });
    expect(stderr).toMatch(/warning: environment MAILTOOL_POP3_LANG: the server refused LANG de-CH: /);
    expect(stderr).not.toContain('\u001b[31m');
  });

  test('a server without it is a warning, also in the document', async () => {
    const script = `S: +OK\nC: CAPA\nS: -ERR\n${logIn}\nC: CAPA\nS: -ERR\n${stat}`;
    const { stdout } = await against(script, ['stat', '--pop3-lang', '*', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      warnings: [expect.stringContaining('does not offer a choice of languages')],
    });
  });

  test.each(['de en', 'de\r\nQUIT', '-', 'x_y'])('%j is exit 64', async (tag) => {
    const { code, stderr } = await mailtool(['stat', '--pop3-host', '127.0.0.1:1', `--pop3-lang=${tag}`]);
    expect(code).toBe(64);
    expect(stderr).toContain('not a language tag');
  });
});

describe('probe pop3', () => {
  const languages = 'C: LANG\nS: +OK\nS: de Deutsch \\x1b[2J\nS: en English\nS: tlh\nS: .';

  test('lists the languages', async () => {
    const script = `S: +OK\n${capa}\n${languages}\n${BYE}`;
    const { code, stdout } = await against(script, ['probe', 'pop3']);
    expect(code).toBe(0);
    expect(stdout).toContain('languages   de (Deutsch ^[[2J), en (English), tlh\n');
    const json = JSON.parse((await against(script, ['probe', 'pop3', '--json'])).stdout);
    expect(json.languages).toEqual([
      { tag: 'de', description: expect.stringMatching(/^Deutsch/) },
      { tag: 'en', description: 'English' },
      { tag: 'tlh', description: '' },
    ]);
  });

  test('a server that does not list them is no reason to fail', async () => {
    const { code, stderr } = await against(`S: +OK\n${capa}\nC: LANG\nS: -ERR later\n${BYE}`, [
      'probe',
      'pop3',
    ]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: the server does not list its languages: .*later/);
  });

  test('speaks the one that is set', async () => {
    const script = `S: +OK\n${capa}\nC: LANG en\nS: +OK en\n${languages}\n${BYE}`;
    expect((await against(script, ['probe', 'pop3', '--pop3-lang', 'en'])).code).toBe(0);
  });
});
