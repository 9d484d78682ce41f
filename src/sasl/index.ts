import { AuthenticationError } from '../errors.ts';
import type { Protection } from './authenticate.ts';
import { cramMd5 } from './cram-md5.ts';
import { login } from './login.ts';
import type { Mechanism } from './mechanism.ts';
import { plain } from './plain.ts';

export { authenticate, type Profile, type Protection, requireProtection, type Step } from './authenticate.ts';
export type { Credentials, Dialogue, Mechanism } from './mechanism.ts';

/**
 * Every mechanism, in the order of preference under TLS. CRAM-MD5 comes last there: it needs the password in plain on the
 * server, and TLS protects the others as well as MD5 could.
 */
export const MECHANISMS: readonly Mechanism[] = [plain, login, cramMd5];

/**
 * The mechanisms to try, best first, of those that are known here and `offered` (upper case). With `wanted` only that one,
 * offered or not. Without TLS only those that keep the password to themselves, unless cleartext is allowed.
 */
export function candidates(
  offered: ReadonlySet<string>,
  wanted: string | undefined,
  protection: Protection,
): readonly Mechanism[] {
  if (wanted !== undefined) {
    const named = MECHANISMS.find(({ name }) => name === wanted.toUpperCase());
    if (named !== undefined) return [named];
    throw new AuthenticationError(
      `unknown SASL mechanism ${wanted}`,
      wanted,
      { permanent: true },
      {
        hint: `known are ${MECHANISMS.map(({ name }) => name).join(', ')}`,
      },
    );
  }
  const known = MECHANISMS.filter(({ name }) => offered.has(name));
  if (protection.tls) return known;
  const guarded = known.filter(({ cleartext }) => !cleartext);
  return protection.allowCleartext
    ? [...guarded, ...known.filter(({ cleartext }) => cleartext)]
    : guarded.length > 0
      ? guarded
      : known;
}
