import { describe, expect, test } from 'vitest';
import { AuthenticationError, ProtocolError, RejectedError, UsageError } from '../../src/errors.ts';
import type { Language, Pop3Options } from '../../src/pop3/index.ts';
import { certificateFor } from '../certificate.ts';
import { type DialogueOptions, dialogue } from '../dialogue.ts';
import { BYE, failureOf, options, PASSWORD, session } from './scripts.ts';

const capa = (...lines: string[]) =>
  `C: CAPA\nS: +OK\n${lines.map((line) => `S: ${line}`).join('\n')}\nS: .\n`;
const logIn = `C: USER ann\nS: +OK\nC: PASS ${PASSWORD}\nS: +OK\n`;

/** What the client says of the language once it is there. */
async function problem(script: string, more: Partial<Pop3Options> = {}, chosen: DialogueOptions = {}) {
  return dialogue(script, chosen, (port) =>
    session(options(port, { language: 'de', ...more }), async (client) => client.languageProblem),
  );
}

describe('LANG (RFC 6856 3)', () => {
  test.each([1, 2, 3, undefined])(
    'comes before the log-in, where CAPA has it (pieces of %s)',
    async (chunk) => {
      const script = `S: +OK\n${capa('LANG', 'USER')}C: LANG de\nS: +OK de Sprache geändert\n${logIn}${capa('LANG')}${BYE}`;
      expect(await problem(script, {}, chunk === undefined ? {} : { chunk })).toBeUndefined();
    },
  );

  test('a refused log-in is told in that language', async () => {
    const script = `S: +OK\n${capa('LANG', 'USER')}C: LANG de\nS: +OK de\nC: USER ann\nS: +OK\nC: PASS ${PASSWORD}\nS: -ERR [AUTH] Falsches Paßwort\n*: end`;
    const error = await dialogue(script, {}, (port) =>
      failureOf(session(options(port, { language: 'de' }), async () => undefined)),
    );
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.message).toContain('Falsches Paßwort');
  });

  test('after STLS, never before it', async () => {
    const certificate = await certificateFor();
    const script = `S: +OK\n${capa('STLS', 'LANG')}C: STLS\nS: +OK\n*: tls\n${capa('LANG', 'USER')}C: LANG *\nS: +OK en\n${logIn}${capa('LANG')}${BYE}`;
    const tls = { ca: certificate.cert };
    expect(
      await problem(script, { security: 'starttls', tls, language: '*' }, { certificate }),
    ).toBeUndefined();
  });

  test('after the log-in, where only then it is announced', async () => {
    const script = `S: +OK\n${capa('USER')}${logIn}${capa('LANG')}C: LANG de\nS: +OK de\n${BYE}`;
    expect(await problem(script)).toBeUndefined();
  });

  test('a refusal, and a server without it, are no failure', async () => {
    const refused = await problem(
      `S: +OK\n${capa('LANG', 'USER')}C: LANG de\nS: -ERR [LANG] nur Englisch\n${logIn}${capa('LANG')}${BYE}`,
    );
    expect(refused).toBeInstanceOf(RejectedError);
    expect(refused?.message).toContain('nur Englisch');
    const none = await problem(`S: +OK\n${capa('USER')}${logIn}${capa('USER')}${BYE}`);
    expect(none).toMatchObject({ code: 'EUNSUPPORTED', message: expect.stringContaining('languages') });
  });

  test('is not sent unless it is wanted', async () => {
    const script = `S: +OK\n${capa('LANG', 'USER')}${logIn}${capa('LANG')}${BYE}`;
    expect(await problem(script, { language: undefined })).toBeUndefined();
  });

  test.each(['de\r\nDELE 1', 'de en', '', '-de', 'de-', 'überall', 'a'.repeat(9), `de${'-x'.repeat(80)}`])(
    '%j is no language, and opens no connection',
    async (language) => {
      const error = await failureOf(session(options(1, { language }), async () => undefined));
      expect(error).toBeInstanceOf(UsageError);
    },
  );
});

describe('LANG alone', () => {
  const listing = (answer: string, chosen: DialogueOptions = {}) =>
    dialogue(`S: +OK\n${capa('LANG')}C: LANG\n${answer}`, chosen, (port) =>
      session(options(port, { mechanism: 'none' }), (client): Promise<Language[]> => client.languages()),
    );

  test.each([1, 3, undefined])('lists what there is (pieces of %s)', async (chunk) => {
    const answer = `S: +OK list\nS: en English\nS: en-boont English Boontling dialect\nS: de\nS: ..strange\nS:\nS: es  Español \nS: .\n${BYE}`;
    expect(await listing(answer, chunk === undefined ? {} : { chunk })).toEqual([
      { tag: 'en', description: 'English' },
      { tag: 'en-boont', description: 'English Boontling dialect' },
      { tag: 'de', description: '' },
      { tag: 'es', description: 'Español' },
    ]);
  });

  test('refused', async () => {
    await expect(listing('S: -ERR no\n*: end')).rejects.toThrow(RejectedError);
  });

  test('a list without end is none', async () => {
    const rows = Array.from({ length: 501 }, () => 'S: en').join('\n');
    await expect(listing(`S: +OK\n${rows}\n*: silence`)).rejects.toThrow(ProtocolError);
  });
});
