/** The way to a server: through what, and from where. */
import { ConfigError, UsageError } from '../errors.ts';
import type { Settings } from './layers.ts';
import { type ProxySetting, parseProxy } from './proxy.ts';
import { addressFamily, parseAddress } from './values.ts';

export interface Reach {
  /** Absent: none. */
  readonly proxy: ProxySetting | undefined;
  /** The address of this machine to connect from. */
  readonly localAddress: string | undefined;
  /** IPv4 alone, or IPv6 alone. */
  readonly family: 4 | 6 | undefined;
}

/** UsageError for both --ipv4 and --ipv6, and for a password that was typed; ConfigError when the address is of the other kind. */
export function reachOf(settings: Settings): Reach {
  const stated = settings.stated('proxy');
  const proxy = stated?.read(parseProxy);
  if (stated?.layer === 'flag' && proxy?.password !== undefined) {
    throw new UsageError(
      `${stated.place}: there is a password in it, and other users of this machine can see it`,
      {
        stage: 'config',
        hint: 'put the URL with the password into MAILTOOL_PROXY',
      },
    );
  }
  if (settings.is('ipv4') && settings.is('ipv6')) {
    throw new UsageError('--ipv4 and --ipv6 exclude each other', {
      stage: 'config',
      hint: 'give one of them',
    });
  }
  const family = settings.is('ipv4') ? 4 : settings.is('ipv6') ? 6 : undefined;
  const local = settings.stated('local-address');
  const localAddress = local?.read(parseAddress);
  const kind = localAddress === undefined ? undefined : addressFamily(localAddress);
  if (family !== undefined && kind !== undefined && kind !== family) {
    throw new ConfigError(`${local?.place}: it is an address of IPv${kind}, and --ipv${family} was given`, {
      stage: 'config',
      hint: 'leave one of them out',
    });
  }
  return { proxy, localAddress, family };
}
