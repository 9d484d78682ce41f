import type { KeyObject } from 'node:crypto';
import { domainToASCII } from 'node:url';
import { ConfigError, UsageError } from '../../errors.ts';

/** Who signs: the key, and where its public half is published, at `SELECTOR._domainkey.DOMAIN` (RFC 6376 3.6.2.1). */
export interface DkimSigner {
  /** The domain of From when absent. */
  readonly domain?: string | undefined;
  readonly selector: string;
  /** An RSA key of at least 1,024 bits, or an Ed25519 key: in PEM form (PKCS #8, or PKCS #1 for RSA), or as Node has it. */
  readonly key: string | KeyObject;
}

/** A signer whose key is ready. */
export interface LoadedSigner {
  readonly domain: string | undefined;
  readonly selector: string;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  /** Octets of every signature. */
  readonly octets: number;
  sign(data: Uint8Array): Buffer;
}

/** RFC 8301 3.2. */
const LEAST_RSA_BITS = 1024;
/** RFC 1035 2.3.4, without the last dot. */
const NAME_LIMIT = 253;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const SELECTOR = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`, 'i');
/** RFC 6376 3.5: a domain has two labels at least. */
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})+$`, 'i');

/** Checks a signer: `ConfigError` for a key that cannot sign, `UsageError` for what is no selector or domain. */
export async function loadSigner({ domain, selector, key }: DkimSigner): Promise<LoadedSigner> {
  if (!SELECTOR.test(selector))
    throw new UsageError(`not a DKIM selector: ${JSON.stringify(selector.slice(0, 80))}`, {
      hint: 'it is the name under which the public key is published: letters, digits, hyphens, dots',
    });
  const crypto = await import('node:crypto');
  const own = typeof key === 'string' ? readKey(key, crypto.createPrivateKey) : key;
  const ascii = domain === undefined ? undefined : signingDomain(domain, selector);
  const named = { domain: ascii, selector };
  switch (own.type === 'private' ? own.asymmetricKeyType : undefined) {
    case 'rsa': {
      const bits = own.asymmetricKeyDetails?.modulusLength ?? 0;
      if (bits < LEAST_RSA_BITS)
        throw unfit(`it has ${bits} bits, and ${LEAST_RSA_BITS} are the least (RFC 8301)`);
      const sign = (data: Uint8Array) => crypto.sign('sha256', data, own);
      return { ...named, algorithm: 'rsa-sha256', octets: Math.ceil(bits / 8), sign };
    }
    case 'ed25519': {
      // RFC 8463 3: what is signed is the hash.
      const sign = (data: Uint8Array) =>
        crypto.sign(null, crypto.createHash('sha256').update(data).digest(), own);
      return { ...named, algorithm: 'ed25519-sha256', octets: 64, sign };
    }
    default:
      throw unfit(`it is a ${own.type} key of the kind ${own.asymmetricKeyType ?? 'secret'}`);
  }
}

/** A domain in the form it has in DNS; `UsageError` for what is none, or too long together with the selector. */
export function signingDomain(domain: string, selector: string): string {
  const ascii = /[^\0-\x7f]/.test(domain) ? domainToASCII(domain) : domain;
  const length = ascii.length + selector.length + '._domainkey.'.length;
  if (DOMAIN.test(ascii) && length <= NAME_LIMIT) return ascii.toLowerCase();
  throw new UsageError(`not a domain to sign for: ${JSON.stringify(domain.slice(0, 80))}`, {
    hint: 'a domain in which the public key is published, such as example.org',
  });
}

function readKey(pem: string, createPrivateKey: (pem: string) => KeyObject): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // What OpenSSL says of a key differs by version, and could repeat some of it.
    throw unfit(
      /^(?:-----BEGIN |Proc-Type:.*)ENCRYPTED/m.test(pem)
        ? 'it is encrypted'
        : 'it cannot be read as a private key in PEM form',
    );
  }
}

function unfit(why: string): ConfigError {
  return new ConfigError(`the DKIM key cannot be used: ${why}`, {
    stage: 'config',
    hint: 'an RSA key of 2048 bits (openssl genrsa 2048) or an Ed25519 key (openssl genpkey -algorithm ed25519), not encrypted',
  });
}
