import { AuthenticationError } from '../errors.ts';
import { redacted } from '../net/redacted.ts';
import { Transcript } from '../net/transcript.ts';
import {
  authenticate,
  type Credentials,
  candidates,
  freshNonce,
  type Mechanism,
  type MechanismContext,
  type Profile,
  type Protection,
  type Step,
} from '../sasl/index.ts';
import { type Capabilities, offeredMechanisms } from './capabilities.ts';
import { authenticationRefused } from './failures.ts';
import type { SmtpReply } from './reply.ts';
import { AUTH_LINE_LIMIT, type Command, type Exchange } from './session.ts';

/** The connection, as far as a mechanism may look at it. */
type Peer = Pick<MechanismContext, 'host' | 'port' | 'channelBinding'>;

/** Writes a command and reads its reply. */
type Ask = (command: Command) => Promise<SmtpReply>;

/**
 * Logs in by the best mechanism on offer, or the one that is `wanted`; gives its name. A mechanism the server does not
 * take after all (504, 534) leads to the next; a refused password does not, since retrying locks accounts.
 */
export async function logIn(
  ask: Ask,
  capabilities: Capabilities,
  credentials: Credentials,
  wanted: string | undefined,
  protection: Protection,
  connection: Peer,
): Promise<string> {
  const offered = new Set(offeredMechanisms(capabilities));
  const { host, port, channelBinding } = connection;
  const context: MechanismContext = {
    service: 'smtp',
    host,
    port,
    offered,
    channelBinding,
    nonce: freshNonce,
  };
  const bound = channelBinding !== undefined;
  const mechanisms = candidates({ offered, wanted, credentials, protection, bound });
  if (mechanisms.length === 0) throw nothingUsable(offered, credentials);
  const names = [...offered].join(', ');
  const unoffered = wanted !== undefined && !offered.has(wanted.toUpperCase());
  let refusal: unknown;
  for (const mechanism of mechanisms) {
    try {
      await authenticate(profileOf(ask, mechanism), mechanism, credentials, protection, context);
      return mechanism.name;
    } catch (error) {
      refusal = error;
      const code = error instanceof AuthenticationError ? error.reply?.code : undefined;
      if (code !== 504 && code !== 534) break;
      // Whoever refuses a -PLUS in the server's name hears from the next that it could have been: to the server a lie shows.
      offered.delete(mechanism.name);
    }
  }
  throw unoffered && refusal instanceof AuthenticationError ? unofferedRefusal(refusal, names) : refusal;
}

/** A refusal of a mechanism that was asked for by name and never offered: the password is not what was wrong with it. */
function unofferedRefusal(refusal: AuthenticationError, names: string): AuthenticationError {
  const { message, mechanism, permanent, connectionUsable, reply, command } = refusal;
  if (reply === undefined || !permanent) return refusal;
  const hint = `the server does not offer ${mechanism}${names === '' ? '' : `, only ${names}`}`;
  return new AuthenticationError(
    message,
    mechanism,
    { permanent, connectionUsable },
    { reply, command, hint },
  );
}

/** Some servers repeat what they were sent: a refusal ends up in an error, which must not hold it. */
export function withoutSecrets({ password, token }: Credentials): (exchange: Exchange) => Exchange {
  const filter = new Transcript(() => {});
  for (const secret of [password, token]) if (secret !== undefined) filter.hide(secret);
  return (exchange) => {
    if (exchange.ok) return exchange;
    const { lines, text, ...rest } = exchange.reply;
    const shown = { lines: lines.map((line) => filter.redact(line)), text: filter.redact(text) };
    return { ...exchange, reply: { ...rest, ...shown } };
  };
}

function nothingUsable(offered: ReadonlySet<string>, { token }: Credentials): AuthenticationError {
  const names = [...offered].join(', ');
  const fitting = token === undefined ? 'that is known here' : 'that takes a token';
  return new AuthenticationError(
    names === '' ? 'the server offers no log-in' : `the server offers no log-in ${fitting}, only ${names}`,
    names || 'none',
    { permanent: true },
    { hint: names === '' ? 'it may offer one under TLS only; or send without user and password' : undefined },
  );
}

/** SASL in SMTP's words (RFC 4954 4). */
function profileOf(ask: Ask, { name }: Mechanism): Profile {
  const stepOf = (reply: SmtpReply): Step => {
    if (reply.code === 235) return { kind: 'success' };
    if (reply.code === 334) return { kind: 'challenge', base64: reply.lines[0] ?? '' };
    return { kind: 'failure', error: authenticationRefused(name, reply) };
  };
  return {
    async start(mechanism, initial) {
      const sent = initial !== undefined && `AUTH ${mechanism} ${initial}`.length <= AUTH_LINE_LIMIT;
      const reply = await ask(
        sent
          ? {
              verb: 'AUTH',
              argument: `${mechanism} ${initial}`,
              shown: `${mechanism} ${redacted(initial.length)}`,
            }
          : { verb: 'AUTH', argument: mechanism },
      );
      return { step: stepOf(reply), sent };
    },
    async respond(base64) {
      return stepOf(await ask({ verb: 'RESPONSE', argument: base64, shown: redacted(base64.length) }));
    },
    async cancel() {
      await ask({ verb: 'RESPONSE', argument: '*' });
    },
  };
}
