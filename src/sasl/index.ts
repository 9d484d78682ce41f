import { AuthenticationError } from '../errors.ts';
import type { Protection } from './authenticate.ts';
import { cramMd5 } from './cram-md5.ts';
import { digestMd5 } from './digest-md5.ts';
import { anonymous, external } from './external.ts';
import { login } from './login.ts';
import type { Credentials, Mechanism } from './mechanism.ts';
import { ntlm } from './ntlm.ts';
import { oauthBearer, xoauth2 } from './oauth.ts';
import { plain } from './plain.ts';
import { scram } from './scram.ts';

export {
  authenticate,
  freshNonce,
  type Profile,
  type Protection,
  requireProtection,
  type Step,
} from './authenticate.ts';
export type { ChannelBinding, Credentials, Dialogue, Mechanism, MechanismContext } from './mechanism.ts';

/**
 * Every mechanism, the strongest first. The MD5 ones come after those that show the password: they need it in plain on the
 * server, and TLS protects the others better than MD5 could. Without TLS the others drop out.
 */
export const MECHANISMS: readonly Mechanism[] = [
  scram('SCRAM-SHA-512-PLUS', 'sha512', true),
  scram('SCRAM-SHA-256-PLUS', 'sha256', true),
  scram('SCRAM-SHA-1-PLUS', 'sha1', true),
  scram('SCRAM-SHA-512', 'sha512', false),
  scram('SCRAM-SHA-256', 'sha256', false),
  scram('SCRAM-SHA-1', 'sha1', false),
  oauthBearer,
  xoauth2,
  external,
  plain,
  login,
  cramMd5,
  digestMd5,
  ntlm,
  anonymous,
];

/** What the choice of a mechanism depends on. */
export interface Choice {
  /** The names on offer, in upper case. */
  readonly offered: ReadonlySet<string>;
  /** A name: only that one, offered or not. */
  readonly wanted?: string | undefined;
  readonly credentials: Credentials;
  readonly protection: Protection;
  /** Whether the connection has a channel binding. */
  readonly bound: boolean;
}

/**
 * The mechanisms to try, best first, of those that are known here, on offer, and can be proved with the credentials. Where
 * all of them would show the password to whoever listens they are given all the same: the gate in `authenticate` says why
 * not.
 */
export function candidates({
  offered,
  wanted,
  credentials,
  protection,
  bound,
}: Choice): readonly Mechanism[] {
  if (wanted !== undefined) {
    const named = MECHANISMS.find(({ name }) => name === wanted.toUpperCase());
    if (named !== undefined) return [named];
    throw new AuthenticationError(
      `unknown SASL mechanism ${wanted}`,
      wanted,
      { permanent: true },
      { hint: `known are ${MECHANISMS.map(({ name }) => name).join(', ')}` },
    );
  }
  const proof =
    credentials.token !== undefined ? 'token' : credentials.password !== undefined ? 'password' : 'nothing';
  const usable = MECHANISMS.filter(
    (mechanism) =>
      offered.has(mechanism.name) &&
      mechanism.byNameOnly !== true &&
      mechanism.proof === proof &&
      (mechanism.binding !== true || bound),
  );
  if (protection.tls) return usable;
  const guarded = usable.filter(({ cleartext }) => !cleartext);
  const exposed = usable.filter(({ cleartext }) => cleartext);
  return protection.allowCleartext || guarded.length === 0 ? [...guarded, ...exposed] : guarded;
}
