import { describe, expect, it } from 'vitest';
import { serverAccount } from '../../src/config/account.ts';
import { SETTINGS, type SettingKey, settingOf } from '../../src/config/settings.ts';
import { ConfigError } from '../../src/errors.ts';
import { type Given, load } from './load.ts';

type Place = 'flag' | 'environment' | '--env-file' | './.env';
/** Most trusted first. */
const PLACES: readonly Place[] = ['flag', 'environment', '--env-file', './.env'];

/** The sources that state `values` in their places. */
function given(values: readonly (readonly [Place, SettingKey, string])[]): Given {
  const flags: Partial<Record<SettingKey, string>> = {};
  const env: Record<string, string> = {};
  const files = { '--env-file': '', './.env': '' };
  for (const [place, key, text] of values) {
    const variable = settingOf(key).variable ?? '';
    if (place === 'flag') flags[key] = text;
    else if (place === 'environment') env[variable] = text;
    else files[place] += `${variable}=${text}\n`;
  }
  // Both kinds of file at once cannot happen at the command line, but shows the order.
  return { flags, env, named: [files['--env-file']], dotenv: files['./.env'] };
}

const STEERING: readonly (readonly [SettingKey, string])[] = [
  ['smtp.host', 'smtp.example.org'],
  ['smtp.url', 'smtps://smtp.example.org:4650'],
  ['smtp.port', '2525'],
  ['smtp.tls', 'implicit'],
  ['tls.ca', 'system'],
  ['tls.fingerprint', 'ab'.repeat(32)],
  ['tls.pin', 'ab'.repeat(32)],
  ['tls.min-version', '1.1'],
  ['proxy', 'socks5://proxy.example.org'],
];

/** How a password or token can be had from each place. */
const SECRETS: Readonly<Record<Place, readonly SettingKey[]>> = {
  flag: ['smtp.password-file', 'smtp.password-cmd'],
  environment: ['smtp.password', 'smtp.password-file', 'smtp.password-cmd', 'smtp.token', 'smtp.token-cmd'],
  '--env-file': ['smtp.password', 'smtp.password-file', 'smtp.password-cmd', 'smtp.token', 'smtp.token-cmd'],
  './.env': ['smtp.password', 'smtp.token'],
};

const matrix = PLACES.flatMap((secretPlace) =>
  SECRETS[secretPlace].flatMap((secretKey) =>
    PLACES.flatMap((place) =>
      STEERING.map(([key, text]) => {
        // What a flag and what the environment says is the word of the same person.
        const rank = (of: Place) => Math.max(1, PLACES.indexOf(of));
        const allowed = rank(place) <= rank(secretPlace);
        return [secretKey, secretPlace, key, text, place, allowed] as const;
      }),
    ),
  ),
).filter(([, , key, , place]) => place !== 'flag' || settingOf(key).flag !== undefined);

async function account(values: readonly (readonly [Place, SettingKey, string])[]) {
  return serverAccount(await load(given(values)), 'smtp');
}

describe('the trust rule', () => {
  it('is tried with everything that steers a secret and can be a variable', () => {
    const keys = SETTINGS.filter(
      ({ steers, variable, group }) => steers && variable !== undefined && group !== 'pop3',
    );
    expect(STEERING.map(([key]) => key).sort()).toEqual(keys.map(({ key }) => key).sort());
    expect(matrix.length).toBe(14 * (4 * 9 - 1));
  });

  it.each(matrix)(
    '%s from %s with %s = %s from %s: %s',
    async (secretKey, secretPlace, key, text, place, allowed) => {
      const values: (readonly [Place, SettingKey, string])[] = [
        [secretPlace, secretKey, 's3cret'],
        ['flag', 'smtp.user', 'u'],
        [place, key, text],
      ];
      // A host that is trusted enough, so that only the one setting is in question.
      if (key !== 'smtp.host' && key !== 'smtp.url') values.push(['flag', 'smtp.host', 'smtp.example.org']);
      if (allowed) {
        expect((await account(values)).host).toBe('smtp.example.org');
        return;
      }
      const error = await account(values).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ConfigError);
      if (!(error instanceof ConfigError)) return;
      expect(error.code).toBe('ECONFIG');
      // Both places are named, and what to do; the secret is not.
      expect(error.message).toMatch(/^the (password|token) /);
      expect(error.message.startsWith('the token ')).toBe(secretKey.includes('token'));
      expect(error.message).toMatch(
        /^the \w+ \((flag|environment|a\.env:\d+) .+\) is not used with an? .+ from a less trusted place \(.+\)$/,
      );
      expect(error.message).toContain(settingOf(key).variable);
      expect(error.hint).toMatch(
        place === './.env' ? /--no-env-file/ : /the (password|token) in the same place/,
      );
      expect(JSON.stringify(error)).not.toContain('s3cret');
    },
  );

  it.each(PLACES.flatMap((place) => SECRETS[place].map((key) => [key, place] as const)))(
    '%s from %s with switches that were typed, and with what nobody said',
    async (key, place) => {
      const settings = await load({
        ...given([
          [place, key, 's3cret'],
          ['flag', 'smtp.host', 'h'],
          ['flag', 'smtp.user', 'u'],
        ]),
      });
      expect(serverAccount(settings, 'smtp').port).toBe(587);
      const typed = await load({
        ...given([[place, key, 's3cret']]),
        flags: {
          ...given([[place, key, 's3cret']]).flags,
          'smtp.host': 'h',
          'smtp.user': 'u',
          'tls.insecure': true,
          'allow-cleartext-auth': true,
        },
      });
      expect(serverAccount(typed, 'smtp').tls.insecure).toBe(true);
    },
  );

  it('does not hold the user, the mechanism or the other protocol against a secret', async () => {
    const values: (readonly [Place, SettingKey, string])[] = [
      ['environment', 'smtp.password', 's3cret'],
      ['environment', 'smtp.host', 'h'],
      ['./.env', 'smtp.user', 'u'],
      ['./.env', 'smtp.auth', 'plain'],
      ['./.env', 'pop3.host', 'other'],
      ['./.env', 'pop3.port', '1'],
    ];
    expect(await account(values)).toMatchObject({ username: 'u', mechanism: 'PLAIN' });
  });

  it('looks only at what wins', async () => {
    const values: (readonly [Place, SettingKey, string])[] = [
      ['environment', 'smtp.password', 's3cret'],
      ['environment', 'smtp.user', 'u'],
      ['flag', 'smtp.host', 'h'],
      ['environment', 'smtp.port', '26'],
      ['./.env', 'smtp.host', 'evil'],
      ['./.env', 'smtp.port', '666'],
      ['./.env', 'smtp.password', 'low'],
    ];
    expect(await account(values)).toMatchObject({ host: 'h', port: 26 });
  });

  it('lets a URL of the environment cover port and TLS from ./.env', async () => {
    const values: (readonly [Place, SettingKey, string])[] = [
      ['environment', 'smtp.password', 's3cret'],
      ['environment', 'smtp.url', 'smtp://u@h'],
      ['./.env', 'smtp.port', '666'],
      ['./.env', 'smtp.tls', 'none'],
    ];
    expect(await account(values)).toMatchObject({ host: 'h', port: 587, security: 'starttls' });
  });

  it('says what to do', async () => {
    const base: (readonly [Place, SettingKey, string])[] = [
      ['environment', 'smtp.password', 's3cret'],
      ['environment', 'smtp.user', 'u'],
    ];
    await expect(account([...base, ['./.env', 'smtp.host', 'evil']])).rejects.toMatchObject({
      message:
        'the password (environment MAILTOOL_SMTP_PASSWORD) is not used with a host from a less trusted place (./.env:1 MAILTOOL_SMTP_HOST)',
      hint: 'set MAILTOOL_SMTP_HOST in the environment too, or give --smtp-host; --no-env-file goes without ./.env',
    });
    await expect(account([...base, ['--env-file', 'smtp.url', 'smtp://evil']])).rejects.toMatchObject({
      hint: 'set MAILTOOL_SMTP_URL in the environment too, or give --smtp-host; or have the password in the same place',
    });
  });
});
