/** The trust rule: a secret is shown only where a place at least as trusted as its own has sent it. */
import { ConfigError } from '../errors.ts';
import type { Layer } from './layers.ts';
import { flagName, type SettingKey, secretNoun, settingOf } from './settings.ts';
import { type Stated, TRUST } from './stated.ts';

/**
 * Throws a ConfigError when one of `steering` (host, port, TLS, authorities ...) comes from a less trusted place than
 * `secret`. A repository that somebody cloned can then have a `./.env` that names a server, and will not get the
 * password of the environment sent there.
 */
export function checkTrust(secret: Stated, steering: Iterable<Stated | undefined>): void {
  for (const stated of steering) {
    if (stated === undefined || TRUST[stated.layer] >= TRUST[secret.layer]) continue;
    throw new ConfigError(
      `the ${secretNoun(secret.setting)} (${secret.place}) is not used with ${partOf(stated)} from a less trusted place (${stated.place})`,
      { stage: 'config', hint: hint(secret, stated) },
    );
  }
}

/**
 * Throws a ConfigError when `host` is named by an account that inherits `secret` from another one: what it forgot to say itself
 * would be shown to a server that it was never meant for.
 */
export function checkInherited(layers: readonly Layer[], secret: Stated, host: Stated): void {
  const saying = (stated: Stated) => layers.find((layer) => layer.get(stated.setting.key) === stated);
  const [names, has] = [saying(host), saying(secret)];
  if (names?.account === undefined || has?.account === undefined || names.account === has.account) return;
  if (layers.indexOf(names) > layers.indexOf(has)) return;
  const isSame = ({ account, get }: Layer) =>
    account === has.account && get(host.setting.key)?.text.toLowerCase() === host.text.toLowerCase();
  if (layers.some(isSame)) return;
  const noun = secretNoun(secret.setting);
  throw new ConfigError(
    `the ${noun} of account ${has.account} (${secret.place}) is not used with ${partOf(host)} that account ${names.account} names (${host.place})`,
    { stage: 'config', hint: `give account ${names.account} a ${noun} of its own` },
  );
}

function partOf({ setting }: Stated): string {
  const [, part = setting.key] = setting.key.split('.');
  const names: Readonly<Record<string, string>> = {
    url: 'a server',
    host: 'a host',
    port: 'a port',
    tls: 'a TLS mode',
    ca: 'an authority',
    fingerprint: 'a fingerprint',
    pin: 'a key',
    'min-version': 'a version of TLS',
    proxy: 'a proxy',
  };
  return names[part] ?? setting.key;
}

function hint(secret: Stated, stated: Stated): string {
  const { variable = stated.setting.key } = stated.setting;
  // A URL has no flag: its parts have.
  const flag = flagName(settingOf(stated.setting.key.replace(/\.url$/, '.host') as SettingKey));
  const move = {
    flag: `give ${flag} as a flag too`,
    environment: `set ${variable} in the environment too, or give ${flag}`,
    'env-file': `put ${variable} into the --env-file too, or give ${flag}`,
    'user-config': moveToFile(stated),
    'system-config': moveToFile(stated),
    'named-config': moveToFile(stated),
    dotenv: '',
    default: '',
  }[secret.layer];
  const without = stated.layer === 'dotenv' ? '--no-env-file goes without ./.env' : undefined;
  return [move, without ?? `or have the ${secretNoun(secret.setting)} in the same place`].join('; ');
}

function moveToFile({ setting }: Stated): string {
  const name = setting.key.replace(/\.url$/, '.host');
  return `say ${name} in the configuration file too, or give ${flagName(settingOf(name as SettingKey))}`;
}
