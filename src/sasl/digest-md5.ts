import { createHash } from 'node:crypto';
import { AuthenticationError } from '../errors.ts';
import { type Mechanism, utf8 } from './mechanism.ts';

/**
 * RFC 2831, with qop=auth: historic since RFC 6331, and here for servers that have nothing better. The server proves that
 * it knows the password too (`rspauth`).
 */
export const digestMd5: Mechanism = {
  name: 'DIGEST-MD5',
  cleartext: false,
  proof: 'password',
  *start({ username, password = '', authorizationId }, { service, host, nonce }) {
    const challenge = directives(yield undefined);
    const { nonce: serverNonce, algorithm = '', qop = 'auth', charset = '' } = challenge;
    if (serverNonce === undefined || algorithm !== 'md5-sess')
      throw refuse('the server’s challenge is incomplete');
    if (!qop.split(/[\s,]+/).includes('auth')) throw refuse(`the server offers only ${qop.slice(0, 40)}`);
    const realm = challenge['realm'] ?? host;
    const cnonce = nonce();
    const uri = `${service}/${host}`;
    // RFC 2831 2.1.2.1: what fits into ISO 8859-1 is hashed as that.
    const octets = (text: string) =>
      charset === 'utf-8' && /[^\0-\xff]/.test(`${username}${realm}${password}`)
        ? utf8(text)
        : Buffer.from(text, 'latin1');
    const secret = md5(octets(`${username}:${realm}:${password}`));
    const a1 = Buffer.concat([
      secret,
      utf8(`:${serverNonce}:${cnonce}${authorizationId === undefined ? '' : `:${authorizationId}`}`),
    ]);
    const digest = (a2: string) =>
      hex(utf8(`${hex(a1)}:${serverNonce}:00000001:${cnonce}:auth:${hex(utf8(a2))}`));
    const response = [
      ...(charset === 'utf-8' ? ['charset=utf-8'] : []),
      `username=${quoted(username)}`,
      ...(realm === '' ? [] : [`realm=${quoted(realm)}`]),
      `nonce=${quoted(serverNonce)}`,
      'nc=00000001',
      `cnonce=${quoted(cnonce)}`,
      `digest-uri=${quoted(uri)}`,
      `response=${digest(`AUTHENTICATE:${uri}`)}`,
      'qop=auth',
      ...(authorizationId === undefined ? [] : [`authzid=${quoted(authorizationId)}`]),
    ].join(',');
    const proof = directives(yield utf8(response));
    if (proof['rspauth'] !== digest(`:${uri}`))
      throw refuse('the server does not know the password: its answer is wrong');
    return new Uint8Array();
  },
};

function refuse(what: string): AuthenticationError {
  return new AuthenticationError(`DIGEST-MD5: ${what}`, 'DIGEST-MD5', {
    permanent: true,
    connectionUsable: false,
  });
}

function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}

function hex(bytes: Uint8Array): string {
  return md5(bytes).toString('hex');
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** RFC 2831 2.1.1 allows 2048 octets. */
const CHALLENGE_LIMIT = 2_048;

/** `name=token` and `name="quoted"`, separated by commas; the first of each name counts. */
function directives(challenge: Uint8Array): Record<string, string | undefined> {
  if (challenge.length > CHALLENGE_LIMIT) throw refuse('the server’s challenge is too long');
  const found: Record<string, string> = Object.create(null);
  for (const match of Buffer.from(challenge)
    .toString('utf8')
    .matchAll(/([a-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gis)) {
    const name = (match[1] ?? '').toLowerCase();
    if (!(name in found)) found[name] = match[2]?.replace(/\\(.)/gs, '$1') ?? match[3] ?? '';
  }
  return found;
}
