import type { Account } from '../config/index.ts';
import { TimeoutError, TlsError } from '../errors.ts';
import type { SmtpClient, SmtpOptions } from '../smtp/index.ts';
import type { ClientOptions, Context } from './context.ts';

/** Connects to the SMTP server of the settings and logs in; `change` has the last word on the options. */
export async function connectSmtp(
  ctx: Context,
  change: (options: SmtpOptions) => SmtpOptions = (options) => options,
): Promise<SmtpClient> {
  const account = await ctx.account('smtp');
  const options = { ...(await ctx.clientOptions(account)), ehlo: ctx.settings.text('ehlo') };
  ctx.output.verbose(`connecting to ${wayTo(account)}`);
  return smtpClient(change(options));
}

/** The way to a server, for `-v`. */
export function wayTo({ proxy, security, ...at }: Account): string {
  const through = proxy === undefined ? '' : `, through the ${proxy.scheme} proxy ${placeOf(proxy)}`;
  return `${placeOf(at)} (${security}${through})`;
}

/** A server as people write it: `host:port`, an IPv6 address in brackets, or the path of a Unix socket. */
export function placeOf({ host, port }: { readonly host: string; readonly port: number }): string {
  if (host.startsWith('/')) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A client for exactly these options. */
export async function smtpClient(options: SmtpOptions): Promise<SmtpClient> {
  const { SmtpClient } = await import('../smtp/index.ts');
  return explainSilence(options, (final) => SmtpClient.connect(final));
}

/** How long a silent server gets to show that it speaks TLS. */
const TLS_TRIAL_MS = 3_000;

/**
 * Connects. A server that does not greet may be one that waits for TLS: then that is what the error says. The trial sends
 * nothing but a handshake.
 */
export async function explainSilence<Options extends ClientOptions, Client>(
  options: Options,
  connect: (options: Options) => Promise<Client>,
): Promise<Client> {
  try {
    return await connect(options);
  } catch (error) {
    const silent =
      error instanceof TimeoutError && error.stage === 'greeting' && options.security !== 'implicit';
    if (!silent || !(await speaksTls(options))) throw error;
    const { host, port, security } = options;
    throw new TlsError(
      `${placeOf({ host, port })} expects TLS from the first octet, and was spoken to in plain text (${security})`,
      { cause: error, hint: 'use implicit TLS: --smtp-tls implicit, or --pop3-tls implicit' },
    );
  }
}

async function speaksTls({
  host,
  port,
  proxy,
  localAddress,
  family,
  deadline,
  signal,
  idleTimeoutMs = TLS_TRIAL_MS,
}: ClientOptions): Promise<boolean> {
  try {
    const { Connection } = await import('../net/connection.ts');
    const connection = await Connection.dial({
      host,
      port,
      security: 'implicit',
      tls: { insecure: true },
      proxy,
      localAddress,
      family,
      connectTimeoutMs: Math.min(TLS_TRIAL_MS, idleTimeoutMs),
      deadline,
      signal,
    });
    connection.close();
    return true;
  } catch {
    return false;
  }
}
