import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { decodeBase64, encodeBase64 } from '../codec/base64.ts';
import { AuthenticationError } from '../errors.ts';
import { type Mechanism, utf8 } from './mechanism.ts';
import { saslprep } from './saslprep.ts';

type Hash = 'sha1' | 'sha256' | 'sha512';

/** Fewer make the password easy to guess for whoever plays the server (RFC 7677 4); more keep us busy for seconds. */
export const FEWEST_ITERATIONS = 4_096;
export const MOST_ITERATIONS = 1_000_000;

/**
 * SCRAM (RFC 5802, RFC 7677): neither side shows its secret, and the server proves that it knows the password too. The
 * -PLUS form ties the log-in to this very TLS connection; the plain one says honestly whether it could have (`y`), so that
 * a server whose offer of -PLUS was cut out on the way notices.
 */
export function scram(name: string, hash: Hash, plus: boolean): Mechanism {
  const refuse = (what: string) =>
    new AuthenticationError(`${name}: ${what}`, name, { permanent: true, connectionUsable: false });
  return {
    name,
    cleartext: false,
    proof: 'password',
    ...(plus ? { binding: true } : {}),
    *start({ username, password = '', authorizationId }, context) {
      const binding = plus ? context.channelBinding : undefined;
      if (plus && binding === undefined) throw refuse('needs TLS, whose channel it binds to');
      const offersBinding = [...context.offered].some((each) => each.endsWith('-PLUS'));
      const downgraded = context.channelBinding !== undefined && !offersBinding;
      const flag = binding !== undefined ? `p=${binding.type}` : downgraded ? 'y' : 'n';
      const header = `${flag},${authorizationId === undefined ? '' : `a=${saslname(authorizationId)}`},`;
      const nonce = context.nonce();
      const firstBare = `n=${saslname(username)},r=${nonce}`;

      const serverFirst = text(yield utf8(header + firstBare));
      const { r: fullNonce = '', s: salt = '', i: count = '', m } = attributes(serverFirst);
      if (m !== undefined) throw refuse('the server asks for an extension that is not known');
      if (!fullNonce.startsWith(nonce) || fullNonce.length === nonce.length || salt === '') {
        throw refuse('the server’s first message is not an answer to ours');
      }
      const iterations = /^[0-9]{1,10}$/.test(count) ? Number(count) : 0;
      if (iterations < FEWEST_ITERATIONS || iterations > MOST_ITERATIONS) {
        throw refuse(
          `the server asks for ${count.slice(0, 12)} iterations, not ${FEWEST_ITERATIONS} to ${MOST_ITERATIONS}`,
        );
      }

      const length = createHash(hash).digest().length;
      const salted = pbkdf2Sync(saslprep(password), decodeBase64(salt), iterations, length, hash);
      const hmac = (key: Uint8Array, message: string) => createHmac(hash, key).update(message).digest();
      const clientKey = hmac(salted, 'Client Key');
      const bound = encodeBase64(Buffer.concat([utf8(header), binding?.data ?? new Uint8Array()]));
      const finalBare = `c=${bound},r=${fullNonce}`;
      const exchanged = `${firstBare},${serverFirst},${finalBare}`;
      const signature = hmac(createHash(hash).update(clientKey).digest(), exchanged);
      const proof = clientKey.map((octet, index) => octet ^ (signature[index] as number));

      const { v: verifier, e: error } = attributes(text(yield utf8(`${finalBare},p=${encodeBase64(proof)}`)));
      if (error !== undefined) throw refuse(`the server refused: ${error.slice(0, 100)}`);
      const expected = hmac(hmac(salted, 'Server Key'), exchanged);
      const given = verifier === undefined ? new Uint8Array() : decodeBase64(verifier);
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw refuse('the server does not know the password: its signature is wrong');
      }
      return new Uint8Array();
    },
  };
}

/** RFC 5802 5.1: a comma separates, so a name cannot hold one. */
function saslname(name: string): string {
  return saslprep(name).replaceAll('=', '=3D').replaceAll(',', '=2C');
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

/** `r=...,s=...,i=...` by letter; the first of each counts. */
function attributes(message: string): Record<string, string | undefined> {
  const found: Record<string, string> = Object.create(null);
  for (const part of message.split(',')) {
    if (part[1] === '=' && !(part.charAt(0) in found)) found[part.charAt(0)] = part.slice(2);
  }
  return found;
}
