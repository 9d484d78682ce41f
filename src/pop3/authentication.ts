import { AuthenticationError, type MailError } from '../errors.ts';
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
import { apopTimestamp, type Capabilities, saslMechanisms } from './capabilities.ts';
import { logInRefused } from './failures.ts';
import type { Exchange } from './session.ts';
import { LINE_LIMIT, type Verb } from './verbs.ts';

/** The connection, as far as a mechanism may look at it. */
type Peer = Pick<MechanismContext, 'host' | 'port' | 'channelBinding'>;

/** Writes a command and reads its status. */
type Ask = (verb: Verb, ...words: readonly string[]) => Promise<Exchange>;

/** What the server has shown of itself so far. */
interface Server {
  readonly greeting: string;
  readonly capabilities: Capabilities;
}

/**
 * Logs in, in one attempt, and gives the name of how: by the mechanism that is `wanted` (USER and APOP are two more), or
 * else by the best SASL mechanism on offer, or else by USER and PASS, which every server knows. APOP rests on MD5 and is
 * only used when it is asked for.
 */
export async function logIn(
  ask: Ask,
  { greeting, capabilities }: Server,
  credentials: Credentials,
  wanted: string | undefined,
  protection: Protection,
  { host, port, channelBinding }: Peer,
): Promise<string> {
  const careful = withoutSecrets(ask, credentials);
  const name = wanted?.toUpperCase();
  if (name === 'APOP') return apop(careful, greeting, credentials);
  if (name === 'USER') return userPass(careful, credentials);
  const offered = saslMechanisms(capabilities);
  const bound = channelBinding !== undefined;
  const [mechanism] = candidates({ offered, wanted: name, credentials, protection, bound });
  if (mechanism === undefined) {
    if (credentials.token !== undefined) {
      const names = [...offered].join(', ') || 'USER';
      throw unusable(names, `the server offers no log-in that takes a token, only ${names}`);
    }
    return userPass(careful, credentials);
  }
  const context: MechanismContext = {
    service: 'pop',
    host,
    port,
    offered,
    channelBinding,
    nonce: freshNonce,
  };
  await authenticate(profileOf(careful, mechanism), mechanism, credentials, protection, context);
  return mechanism.name;
}

/** Some servers repeat what they were sent: a refusal ends up in an error, which must not hold it. */
function withoutSecrets(ask: Ask, { password, token }: Credentials): Ask {
  const filter = new Transcript(() => {});
  for (const secret of [password, token]) if (secret !== undefined) filter.hide(secret);
  return async (verb, ...words) => {
    const exchange = await ask(verb, ...words);
    const { status } = exchange;
    if (status.indicator === '+') return exchange;
    return { ...exchange, status: { ...status, text: filter.redact(status.text) } };
  };
}

/** RFC 1939 7. */
async function userPass(ask: Ask, credentials: Credentials): Promise<string> {
  const password = passwordOf(credentials, 'USER');
  const user = await ask('USER', credentials.username);
  if (!user.ok) throw logInRefused('USER', user);
  const pass = await ask('PASS', password);
  if (!pass.ok) throw logInRefused('USER', pass);
  return 'USER';
}

/** RFC 1939 7: a digest of the greeting's timestamp and the password. */
async function apop(ask: Ask, greeting: string, credentials: Credentials): Promise<string> {
  const timestamp = apopTimestamp(greeting);
  if (timestamp === undefined) {
    throw unusable('APOP', 'the greeting has no timestamp that APOP could be built on', {
      hint: 'leave the mechanism to the server: --pop3-auth auto',
    });
  }
  const password = passwordOf(credentials, 'APOP');
  const { createHash } = await import('node:crypto');
  const digest = createHash('md5').update(timestamp, 'utf8').update(password, 'utf8').digest('hex');
  const exchange = await ask('APOP', credentials.username, digest);
  if (!exchange.ok) throw logInRefused('APOP', exchange);
  return 'APOP';
}

function passwordOf({ password }: Credentials, mechanism: string): string {
  if (password === undefined) throw unusable(mechanism, `${mechanism} needs a password, and there is none`);
  return password;
}

function unusable(mechanism: string, message: string, details: { readonly hint?: string } = {}): MailError {
  return new AuthenticationError(message, mechanism, { permanent: true }, details);
}

/** SASL in POP3's words (RFC 5034 4). */
function profileOf(ask: Ask, { name }: Mechanism): Profile {
  const stepOf = (exchange: Exchange): Step => {
    if (exchange.ok) return { kind: 'success' };
    if (exchange.status.indicator === '+') return { kind: 'challenge', base64: exchange.status.text };
    const error = logInRefused(name, exchange);
    if (error instanceof AuthenticationError) return { kind: 'failure', error };
    throw error; // busy or broken: the mechanism has nothing to do with it
  };
  return {
    async start(mechanism, initial) {
      const sent = initial !== undefined && `AUTH ${mechanism} ${initial}\r\n`.length <= LINE_LIMIT;
      return { step: stepOf(await (sent ? ask('AUTH', mechanism, initial) : ask('AUTH', mechanism))), sent };
    },
    async respond(base64) {
      return stepOf(await ask('RESPONSE', base64));
    },
    async cancel() {
      await ask('RESPONSE', '*');
    },
  };
}
