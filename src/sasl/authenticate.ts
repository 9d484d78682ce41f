import { randomBytes } from 'node:crypto';
import { decodeBase64, decodeBase64Tolerant, encodeBase64 } from '../codec/base64.ts';
import { AuthenticationError, MailError, ProtocolError } from '../errors.ts';
import type { Credentials, Mechanism, MechanismContext } from './mechanism.ts';

/** So many challenges no mechanism needs: a server that sends more keeps us busy. */
export const STEP_LIMIT = 10;

/** What the server said to one step. The challenge is still in base64, as on the wire. */
export type Step =
  | { readonly kind: 'challenge'; readonly base64: string }
  | { readonly kind: 'success' }
  | { readonly kind: 'failure'; readonly error: AuthenticationError };

/** The three things in which protocols differ. Each function writes one line and reads the answer. */
export interface Profile {
  /** Begins; `initial` (base64, `=` for an empty one) is left out where it does not fit, and `sent` says whether it went. */
  start(
    mechanism: string,
    initial: string | undefined,
  ): Promise<{ readonly step: Step; readonly sent: boolean }>;
  /** Answers a challenge with base64; an empty response is an empty line. */
  respond(base64: string): Promise<Step>;
  /** Sends `*` and reads the refusal that follows (RFC 4954 4, RFC 5034 4). */
  cancel(): Promise<void>;
}

/** Whether a password may be written as it is: under TLS, or because the caller said so. */
export interface Protection {
  readonly tls: boolean;
  readonly allowCleartext: boolean;
}

/** The one gate before a password: whoever writes one calls it first, on every path. */
export function requireProtection(mechanism: string, protection: Protection): void {
  if (protection.tls || protection.allowCleartext) return;
  throw new AuthenticationError(
    `refused to send the password in clear text (${mechanism} without TLS)`,
    mechanism,
    { permanent: true },
    { hint: 'turn TLS on, or insist with --allow-cleartext-auth if nobody can listen in' },
  );
}

/** A fresh text for mechanisms that need one; base64 has no comma. */
export function freshNonce(): string {
  return encodeBase64(randomBytes(18));
}

/**
 * Drives `mechanism` to the server's verdict. Fails with `AuthenticationError` when the server refuses, or when it reports
 * success before the mechanism has said its last word.
 */
export async function authenticate(
  profile: Profile,
  mechanism: Mechanism,
  credentials: Credentials,
  protection: Protection,
  context: MechanismContext,
): Promise<void> {
  if (mechanism.cleartext) requireProtection(mechanism.name, protection);
  const dialogue = mechanism.start(credentials, context);
  // Why it is given up outranks what becomes of the `*`: a server that hangs up on it is not one to be asked again.
  const cancel = () => profile.cancel().catch(() => undefined);
  let said = dialogue.next();
  const initial = said.value === undefined ? undefined : encodeBase64(said.value);
  const { step: first, sent } = await profile.start(mechanism.name, initial === '' ? '=' : initial);
  let unsent = sent ? undefined : initial;
  let step = first;
  let detail: string | undefined;
  for (let steps = 0; steps < STEP_LIMIT; steps++) {
    if (step.kind === 'failure') throw explained(step.error, mechanism, detail);
    if (step.kind === 'success') {
      if (said.done === true && unsent === undefined) return;
      throw failure(mechanism, 'the server reported success before it had proved itself');
    }
    if (unsent !== undefined) {
      step = await profile.respond(unsent);
      unsent = undefined;
      continue;
    }
    if (said.done === true) {
      // All is said and the server goes on: an error report, that wants one dummy answer (RFC 7628 3.2.3).
      detail = Buffer.from(decodeBase64Tolerant(step.base64)).toString('utf8').slice(0, 500);
      step = await profile.respond(encodeBase64(mechanism.dismissal ?? new Uint8Array()));
      continue;
    }
    try {
      said = dialogue.next(challengeOf(mechanism, step.base64));
    } catch (error) {
      await cancel();
      throw error instanceof MailError ? error : failure(mechanism, String(error));
    }
    step = await profile.respond(encodeBase64(said.value ?? new Uint8Array()));
  }
  await cancel();
  throw new ProtocolError(`the server asked more than ${STEP_LIMIT} times during ${mechanism.name}`, {
    stage: 'auth',
  });
}

/** A cleartext mechanism does not read its challenges, which some servers do not even encode. */
function challengeOf(mechanism: Mechanism, base64: string): Uint8Array {
  if (mechanism.cleartext) return decodeBase64Tolerant(base64);
  try {
    return decodeBase64(base64);
  } catch (cause) {
    throw new ProtocolError(`the server's ${mechanism.name} challenge is not base64`, {
      stage: 'auth',
      cause,
    });
  }
}

function failure(mechanism: Mechanism, message: string): AuthenticationError {
  return new AuthenticationError(`${mechanism.name}: ${message}`, mechanism.name, {
    permanent: true,
    connectionUsable: false,
  });
}

/** The refusal, with what the server told beside it, and with what else than the password may be wrong. */
function explained(error: AuthenticationError, mechanism: Mechanism, detail?: string): AuthenticationError {
  const bound = mechanism.binding === true && error.permanent && error.hint !== undefined;
  if (detail === undefined && !bound) return error;
  const unbound = mechanism.name.replace(/-PLUS$/, '');
  const channel = `if they are right, TLS ends before the server (at a proxy, or an attacker), or the server binds the channel otherwise: only if you know which, ask for ${unbound} by name`;
  return new AuthenticationError(
    detail === undefined ? error.message : `${error.message} (${detail})`,
    error.mechanism,
    { permanent: error.permanent, connectionUsable: error.connectionUsable },
    {
      hint: bound ? `${error.hint}; ${channel}` : error.hint,
      reply: error.reply,
      command: error.command,
    },
  );
}
