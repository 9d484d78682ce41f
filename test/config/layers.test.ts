import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeSettings } from '../../src/config/describe.ts';
import { parseEnvFile, withoutBlankLines } from '../../src/config/env-files.ts';
import { loadSettings } from '../../src/config/layers.ts';
import { editDistance, nearest } from '../../src/config/nearest.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { ConfigError, UsageError } from '../../src/errors.ts';
import { type Given, load } from './load.ts';

describe('which value wins', () => {
  const dotenv = 'MAILTOOL_EHLO=dotenv';
  const layers: [string, Given, string, string][] = [
    ['flag', { flags: { ehlo: 'flag' }, env: { MAILTOOL_EHLO: 'env' }, dotenv }, 'flag', 'flag --ehlo'],
    ['environment', { env: { MAILTOOL_EHLO: 'env' }, dotenv }, 'env', 'environment MAILTOOL_EHLO'],
    [
      'environment over a named file',
      { env: { MAILTOOL_EHLO: 'env' }, named: ['MAILTOOL_EHLO=a'] },
      'env',
      'environment MAILTOOL_EHLO',
    ],
    ['the later file', { named: ['MAILTOOL_EHLO=a', '\n\nMAILTOOL_EHLO=b'] }, 'b', 'b.env:3 MAILTOOL_EHLO'],
    [
      'the earlier file where the later is silent',
      { named: ['MAILTOOL_EHLO=a', 'MAILTOOL_FROM=b'] },
      'a',
      'a.env:1 MAILTOOL_EHLO',
    ],
    ['./.env', { dotenv: '# x\nMAILTOOL_EHLO=dotenv' }, 'dotenv', './.env:2 MAILTOOL_EHLO'],
    [
      './.env where the environment is empty',
      { env: { MAILTOOL_EHLO: '' }, dotenv },
      'dotenv',
      './.env:1 MAILTOOL_EHLO',
    ],
    [
      'the last line of a file',
      { dotenv: 'MAILTOOL_EHLO=x\nMAILTOOL_EHLO=y' },
      'y',
      './.env:2 MAILTOOL_EHLO',
    ],
  ];
  it.each(layers)('%s', async (_name, given, text, place) => {
    const settings = await load(given);
    expect(settings.text('ehlo')).toBe(text);
    expect(settings.stated('ehlo')?.place).toBe(place);
  });

  it('a default, and nothing', async () => {
    const settings = await load({});
    expect(settings.stated('smtp.auth')).toMatchObject({ layer: 'default', place: 'default', text: 'auto' });
    expect(settings.stated('ehlo')).toBeUndefined();
    expect(settings.is('tls.insecure')).toBe(false);
    expect(settings.duration('timeout')).toBeUndefined();
  });

  it('switches and durations', async () => {
    const settings = await load({
      flags: { 'tls.insecure': true, timeout: '5m', 'allow-cleartext-auth': false },
    });
    expect(settings.is('tls.insecure')).toBe(true);
    expect(settings.is('allow-cleartext-auth')).toBe(false);
    expect(settings.duration('timeout')).toBe(300_000);
  });

  it('looks at no other variables, and never into prototypes', async () => {
    const settings = await load({
      env: { SMTP_HOST: 'other', HOME: '/', EHLO: 'x' },
      dotenv:
        'MAILTOOL_EHLO=\nSMTP_HOST=x\n__proto__=x\nconstructor=x\nNODE_OPTIONS=--require=/tmp/x\nEHLO=x',
    });
    expect(settings.warnings).toEqual([]);
    expect(describeSettings(settings).map(({ layer }) => layer)).toEqual(['default', 'default']);
  });

  it('reads any variable of the table, and any flag', async () => {
    const values: Record<string, string> = {
      url: 'smtp://h',
      host: 'h',
      port: '1',
      choice: 'none',
      mechanism: 'plain',
      fingerprint: 'a'.repeat(64),
      domain: 'example.org',
      duration: '1s',
      proxy: 'http://p',
      address: '::1',
      pin: 'a'.repeat(64),
      boolean: 'yes',
      language: 'de-CH',
    };
    const special: Record<string, string> = {
      'pop3.url': 'pop3://h',
      'tls.min-version': '1.3',
      pipelining: 'on',
      cache: 'off',
    };
    for (const setting of SETTINGS) {
      const text = special[setting.key] ?? values[setting.kind] ?? 'x';
      if (setting.variable !== undefined) {
        expect((await load({ env: { [setting.variable]: text } })).text(setting.key)).toBe(text);
        expect((await load({ named: [`${setting.variable}=${text}`] })).text(setting.key)).toBe(text);
      }
      if (setting.flag !== undefined) {
        expect((await load({ flags: { [setting.key]: text } })).text(setting.key)).toBe(text);
      }
    }
  });
});

describe('bad values', () => {
  it.each([
    [
      { env: { MAILTOOL_SMTP_PORT: 'abc' } },
      ConfigError,
      'environment MAILTOOL_SMTP_PORT: "abc" is not a port (1 to 65535)',
    ],
    [
      { dotenv: '\nMAILTOOL_TIMEOUT=soon' },
      ConfigError,
      './.env:2 MAILTOOL_TIMEOUT: "soon" is not a duration: write 30s, 5m, 2h or 7d',
    ],
    [
      { named: ['MAILTOOL_POP3_TLS=ssl'] },
      ConfigError,
      'a.env:1 MAILTOOL_POP3_TLS: "ssl" is not one of implicit, starttls, none',
    ],
    [{ flags: { 'smtp.port': '0' } }, UsageError, 'flag --smtp-port: "0" is not a port (1 to 65535)'],
    [{ flags: { 'smtp.host': '' } }, UsageError, '--smtp-host needs a value'],
    [
      { dotenv: 'MAILTOOL_FROM="a\nBcc: x@y"' },
      ConfigError,
      './.env:1 MAILTOOL_FROM: it has a control character in it',
    ],
  ] satisfies [Given, unknown, string][])('%j', async (given, type, message) => {
    const error = await load(given).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ message, stage: 'config' });
  });

  it('do not matter where another value wins', async () => {
    const settings = await load({ flags: { 'smtp.port': '25' }, env: { MAILTOOL_SMTP_PORT: 'abc' } });
    expect(settings.text('smtp.port')).toBe('25');
  });

  it('of a password and of a URL are not repeated', async () => {
    for (const env of [{ MAILTOOL_SMTP_PASSWORD: 's3cret\n' }, { MAILTOOL_SMTP_URL: 'smtps://u:s3cret@h' }]) {
      const error = await load({ env }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ConfigError);
      expect(inspect(error, { depth: null }) + JSON.stringify(error)).not.toContain('s3cret');
    }
  });
});

describe('a ./.env that was only found', () => {
  const reaching = SETTINGS.filter(({ reaches }) => reaches).flatMap(({ variable }) => variable ?? []);
  it.each(reaching)('cannot say %s', async (name) => {
    const error = await load({ dotenv: `A=b\n${name}=/bin/x` }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({
      message: expect.stringContaining(`${name} (./.env:2) is refused`),
      hint: expect.stringContaining('--env-file ./.env'),
    });
    expect(String(error)).not.toContain('/bin/x');
  });
  it.each(reaching)('can say %s when it is named, or leave it empty', async (name) => {
    await load({ named: [`${name}=/bin/x`] });
    await load({ dotenv: `${name}=` });
  });
  it('is refused also where a flag says otherwise', async () => {
    await expect(
      load({ flags: { 'smtp.password-cmd': 'x' }, dotenv: 'MAILTOOL_SMTP_PASSWORD_CMD=evil' }),
    ).rejects.toThrow('is refused');
  });
});

describe('warnings', () => {
  const warningsOf = async (given: Given) => (await load(given)).warnings;

  it('name what an unknown variable was probably meant to be', async () => {
    expect(await warningsOf({ env: { MAILTOOL_SMTP_PASWORD: 'x' } })).toEqual([
      'unknown variable MAILTOOL_SMTP_PASWORD in the environment (did you mean MAILTOOL_SMTP_PASSWORD?)',
    ]);
    expect(await warningsOf({ named: ['MAILTOOL_FORM=x'] })).toEqual([
      'unknown variable MAILTOOL_FORM in a.env (did you mean MAILTOOL_FROM?)',
    ]);
    expect(await warningsOf({ dotenv: 'MAILTOOL_SOMETHING_ELSE=x' })).toEqual([
      'unknown variable MAILTOOL_SOMETHING_ELSE in ./.env',
    ]);
  });

  it('say that a switch must be typed', async () => {
    expect(await warningsOf({ env: { MAILTOOL_TLS_INSECURE: '1' } })).toEqual([
      'MAILTOOL_TLS_INSECURE in the environment is ignored: --tls-insecure must be typed',
    ]);
    expect((await load({ env: { MAILTOOL_TLS_INSECURE: '1' } })).is('tls.insecure')).toBe(false);
  });

  it('are few, and escaped', async () => {
    const env = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`MAILTOOL_X${n}\u001b[2J\n`, 'x']));
    const warnings = await warningsOf({ env });
    expect(warnings).toHaveLength(11);
    expect(warnings[10]).toBe('490 more unknown variables in the environment');
    expect(warnings.join('')).not.toMatch(/[\0-\x1f]/);
  });

  it('leave out the variables of the tests', async () => {
    expect(await warningsOf({ env: { MAILTOOL_INTEROP: 'x', MAILTOOL_INTEROP_REQUIRED: '1' } })).toEqual([]);
  });

  it.each(['p@ss#word', 'a#b', '#word', 'ab#', 'p#a#b', ' p#q'])(
    'say that a # ended a value: %j',
    async (text) => {
      expect(await warningsOf({ dotenv: `MAILTOOL_SMTP_PASSWORD=${text}` })).toEqual([
        'MAILTOOL_SMTP_PASSWORD (./.env:1) ends at its "#": put the value in quotes',
      ]);
    },
  );
  it.each(['"p@ss#word"', "'a#b'", 'word # a#b', 'word', '', ' # nothing', '"a" #x'])(
    'do not for %j',
    async (text) => {
      expect(await warningsOf({ dotenv: `MAILTOOL_SMTP_PASSWORD=${text}` })).toEqual([]);
    },
  );
});

describe('.env text', () => {
  it('is read as dotenv reads it, with its lines', async () => {
    const text = [
      '# MAILTOOL_A=no',
      '',
      'export MAILTOOL_A="x y"',
      'MAILTOOL_B: b',
      '  MAILTOOL_C=c # x',
      "MAILTOOL_D='1",
      "2'",
      'MAILTOOL_E=',
    ].join('\r\n');
    const variables = [...(await parseEnvFile(text))].map(([name, { text: value, line }]) => [
      name,
      value,
      line,
    ]);
    expect(variables).toEqual([
      ['MAILTOOL_A', 'x y', 3],
      ['MAILTOOL_B', 'b', 4],
      ['MAILTOOL_C', 'c', 5],
      ['MAILTOOL_D', '1\n2', 6],
      ['MAILTOOL_E', '', 8],
    ]);
  });

  it('reaches dotenv without blank lines, which take it too long', async () => {
    expect(withoutBlankLines(['', 'a', ' ', '', '\t\v\f\u00a0\ufeff', 'b c', ''])).toBe('a\nb c');
    const blank = '\n \t\n\r\u2028'.repeat(1000);
    expect((await parseEnvFile(`${blank}MAILTOOL_A=1${blank}`)).get('MAILTOOL_A')).toMatchObject({
      text: '1',
    });
  });

  it('of any kind gives values or one of our errors', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.constantFrom(...SETTINGS),
        async (text, { variable }) => {
          try {
            await load({ dotenv: `${variable ?? 'MAILTOOL_X'}=${text}\n${text}` });
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
          }
        },
      ),
    );
  });
});

describe('describing settings', () => {
  it('shows each value, its layer and its place, but no secret', async () => {
    const settings = await load({
      flags: { 'smtp.host': 'h' },
      env: {
        MAILTOOL_SMTP_PASSWORD: 's3cret',
        MAILTOOL_POP3_PASSWORD_CMD: 'echo s3cret',
        MAILTOOL_POP3_TOKEN: 's3cret',
      },
      dotenv: 'MAILTOOL_SMTP_HOST=other\nMAILTOOL_SMTP_PORT=25',
    });
    expect(describeSettings(settings)).toEqual([
      { key: 'smtp.host', value: 'h', layer: 'flag', place: 'flag --smtp-host' },
      { key: 'smtp.port', value: '25', layer: 'dotenv', place: './.env:2 MAILTOOL_SMTP_PORT' },
      {
        key: 'smtp.password',
        value: '***',
        layer: 'environment',
        place: 'environment MAILTOOL_SMTP_PASSWORD',
      },
      { key: 'smtp.auth', value: 'auto', layer: 'default', place: 'default' },
      {
        key: 'pop3.password-cmd',
        value: '***',
        layer: 'environment',
        place: 'environment MAILTOOL_POP3_PASSWORD_CMD',
      },
      {
        key: 'pop3.token',
        value: '***',
        layer: 'environment',
        place: 'environment MAILTOOL_POP3_TOKEN',
      },
      { key: 'pop3.auth', value: 'auto', layer: 'default', place: 'default' },
    ]);
  });

  it('printing them shows no value at all', async () => {
    const settings = await loadSettings({
      flags: {},
      env: { MAILTOOL_SMTP_PASSWORD: 's3cret' },
      envFiles: [],
    });
    const all = { settings, stated: settings.stated('smtp.password') };
    expect(settings.text('smtp.password')).toBe('s3cret');
    expect(inspect(all, { depth: null, showHidden: true }) + JSON.stringify(all)).not.toContain('s3cret');
  });
});

describe('the nearest name', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['abcd', 'acbd', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('%j and %j are %i apart', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
  it('is within three edits, or none', () => {
    expect(nearest('abcx', ['abc', 'abcdef'])).toBe('abc');
    expect(nearest('wxyz', ['abcd'])).toBeUndefined();
    expect(nearest('a'.repeat(65), ['a'.repeat(64)])).toBeUndefined();
  });
});
