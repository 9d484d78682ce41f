import { type Protocol, parseHost, type Settings } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import type { Context, Flags } from './context.ts';

/** The settings for the server that an argument names as HOST[:PORT]; without one, those there are. UsageError for nonsense. */
export async function settingsFor(
  ctx: Context,
  protocol: Protocol,
  host: string | undefined,
): Promise<Settings> {
  return host === undefined ? ctx.settings : await ctx.settingsWith(target(ctx, protocol, host));
}

/** A server that was named is asked as named: its port and TLS are not those of the server in the settings. */
function target(ctx: Context, protocol: Protocol, text: string): Flags {
  const typed = (key: `${Protocol}.port` | `${Protocol}.tls`) => {
    const stated = ctx.settings.stated(key);
    return stated?.layer === 'flag' ? stated.text : undefined;
  };
  let host: string;
  let port: number | undefined;
  try {
    ({ host, port } = parseHost(text));
  } catch (error) {
    throw new UsageError(`HOST: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const implicit = protocol === 'smtp' ? 465 : 995;
  const tls = typed(`${protocol}.tls`) ?? (port === implicit ? 'implicit' : undefined);
  const number =
    port ?? typed(`${protocol}.port`) ?? (tls === 'implicit' ? implicit : protocol === 'smtp' ? 587 : 110);
  return {
    [`${protocol}.host`]: host,
    [`${protocol}.port`]: String(number),
    ...(tls === undefined ? {} : { [`${protocol}.tls`]: tls }),
  };
}
