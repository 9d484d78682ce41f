/** The DKIM signature of what is sent, by the settings. */
import { parseSelectors, readPem, waysToSet } from '../../config/index.ts';
import { ConfigError, type MailError } from '../../errors.ts';
import { type DkimSigner, loadSigner } from '../../mime/dkim/key.ts';
import { type Signable, type SignedMessage, signed } from '../../mime/dkim/signed.ts';
import type { Context } from '../context.ts';

/** What signs a message. The settings and the key are checked now: ConfigError where they cannot sign. */
export async function signatureOf(ctx: Context): Promise<(message: Signable) => Promise<SignedMessage>> {
  const signers = await signersOf(ctx);
  return async (message) => {
    const made = await signed(message, signers, { signal: ctx.signal });
    for (const { domain, selector, algorithm } of made.signatures)
      ctx.output.verbose(`signed for ${domain} (${algorithm}, selector ${selector})`);
    warnOfOthers(ctx, made);
    return made;
  };
}

async function signersOf({ settings, output }: Context): Promise<DkimSigner[]> {
  const key = settings.stated('dkim.key');
  const selector = settings.stated('dkim.selector');
  const domain = settings.text('dkim.domain');
  if (key === undefined || selector === undefined) {
    const missing = key === undefined ? 'dkim.key' : 'dkim.selector';
    const there = (key ?? selector ?? settings.stated('dkim.domain'))?.place;
    throw new ConfigError(
      `there is a setting for a DKIM signature (${there}), but no ${key === undefined ? 'key' : 'selector'}`,
      { stage: 'config', hint: `give ${waysToSet(missing)}` },
    );
  }
  const named = { path: key.text, place: key.place };
  const pem = await readPem(named, 'PRIVATE KEY', { warn: (text) => output.warn(text) });
  const keys = keysIn(pem);
  const selectors = selector.read(parseSelectors);
  if (keys.length !== selectors.length) {
    const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`;
    throw new ConfigError(
      `${key.place}: the file has ${count(keys.length, 'private key')}, and there ${selectors.length === 1 ? 'is' : 'are'} ${count(selectors.length, 'selector')} (${selector.place})`,
      { stage: 'config', hint: 'each key has a selector of its own, in the same order: s1,s2' },
    );
  }
  const signers = keys.map((text, index) => ({ key: text, selector: selectors[index] ?? '', domain }));
  for (const signer of signers) await checked(signer, key.place);
  return signers;
}

/** The private keys of a PEM file, each by itself. */
function keysIn(pem: string): string[] {
  const [, ...blocks] = pem.split('-----BEGIN ');
  return blocks
    .filter((block) => /^[A-Z0-9 ]{0,40}PRIVATE KEY-----/.test(block))
    .map((block) => `-----BEGIN ${block}`);
}

/** Before a message is composed, and with the place of the key. */
async function checked(signer: DkimSigner, place: string): Promise<void> {
  try {
    await loadSigner(signer);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { message, hint }: MailError = error;
    throw new ConfigError(`${place}: ${message}`, { stage: 'config', hint, cause: error });
  }
}

/** RFC 6376 lets anybody sign; but receivers with DMARC count the author's own domain alone (RFC 7489 3.1.1). */
function warnOfOthers({ output }: Context, { signatures, fromDomain }: SignedMessage): void {
  const [first] = signatures;
  if (first === undefined || fromDomain === undefined) return;
  const [own, other] = [`.${fromDomain}`, `.${first.domain}`];
  if (own.endsWith(other) || other.endsWith(own)) return;
  output.warn(
    `the message is signed for ${first.domain} and comes from ${fromDomain}: the signature is valid, but DMARC does not count it`,
  );
}
