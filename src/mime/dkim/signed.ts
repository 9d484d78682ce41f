import { domainToASCII } from 'node:url';
import { DataError, InterruptedError, UsageError } from '../../errors.ts';
import type { Takes } from '../part.ts';
import { fieldValue, HEADER_LIMIT, parseHeader, readAddresses } from '../read-header.ts';
import { bytesSource, canonical } from '../source.ts';
import { type RawField, rawFields, signatureField, signatureSize, signedNames } from './field.ts';
import { type DkimSigner, type LoadedSigner, loadSigner, signingDomain } from './key.ts';
import { RelaxedBody } from './relaxed.ts';

/** A message that can be signed: one that can be read more than once, and gives the same octets each time. */
export interface Signable extends AsyncIterable<Uint8Array> {
  /** Octets with CRLF line ends, exact. */
  readonly size?: number | undefined;
  readonly eightBit?: boolean | undefined;
  readonly smtpUtf8?: boolean | undefined;
  readonly binary?: boolean | undefined;
  readonly whole?: Uint8Array | undefined;
  /** The form that suits a server: it is this form that is signed then. */
  prepared?(server: Takes): Signable | Promise<Signable>;
}

/** What a message is signed with. */
export interface SignedAs {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
}

/**
 * A message with DKIM-Signature fields before its own. Its octets are hashed again while they are read: what is no more what
 * was signed fails with a `DataError` before their end.
 */
export interface SignedMessage extends AsyncIterable<Uint8Array> {
  /** Octets, exact; absent where that of the message is. */
  readonly size: number | undefined;
  readonly eightBit: boolean | undefined;
  readonly smtpUtf8: boolean | undefined;
  readonly signatures: readonly SignedAs[];
  /** The domain of the first address in From, as in DNS; undefined where that cannot be made out. */
  readonly fromDomain: string | undefined;
  /** The message as the server takes it, signed so. Absent: it has one form. */
  prepared?(server: Takes): Promise<SignedMessage>;
}

export interface SigningOptions {
  /** The time in the signature; that of the call when absent. */
  readonly now?: Date | undefined;
  /** Ends the reading for the hash, with an `InterruptedError`. */
  readonly signal?: AbortSignal | undefined;
}

/** So many fields a signature can name and still be read by everybody. */
const FIELDS_LIMIT = 1_000;

/**
 * Signs a message (RFC 6376, RFC 8463), once for each signer: relaxed canonical forms, the hash of the whole body, and the
 * fields that readers see, with From guarded against a second one. A message that is prepared for its server is signed then,
 * in the form it has there; any other is read to its end now. Rejects with `DataError` for a message without exactly one
 * From field, `ConfigError` for a key that cannot sign, and `UsageError` for what is no selector or domain.
 */
export async function signed(
  message: Signable,
  signers: DkimSigner | readonly DkimSigner[],
  { now = new Date(), signal }: SigningOptions = {},
): Promise<SignedMessage> {
  const loaded = await Promise.all([signers].flat().map(loadSigner));
  const task = { signers: loaded, seconds: Math.floor(now.getTime() / 1000), signal };
  const { prepared } = message;
  if (prepared === undefined) return signedForm(message, task, 'now');
  return {
    ...(await signedForm(message, task, 'when it is read')),
    async prepared(server) {
      // A hash of lines is all there is (RFC 6376 5.3).
      const form = await prepared.call(message, { ...server, binary: false });
      return signedForm(form, task, 'now');
    },
  };
}

interface Task {
  readonly signers: readonly LoadedSigner[];
  readonly seconds: number;
  readonly signal: AbortSignal | undefined;
}

/** What a message was when its signature was made. */
interface Survey {
  /** Up to the blank line, and with it. */
  readonly head: Buffer;
  readonly bodyHash: string;
}

async function signedForm(
  form: Signable,
  task: Task,
  when: 'now' | 'when it is read',
): Promise<SignedMessage> {
  checkForm(form);
  const survey = when === 'now' ? await surveyOf(form, task.signal) : undefined;
  const head = survey?.head ?? (await headOf(form));
  const fields = rawFields(head);
  const fromDomain = fromDomainOf(head, fields);
  const names = signedNames(fields);
  if (names.length > FIELDS_LIMIT) throw unsignable(`it has ${names.length} fields that would be signed`);
  const signatures = task.signers.map((signer) => ({
    signer,
    domain: signer.domain ?? defaultDomain(fromDomain, signer),
    names,
    seconds: task.seconds,
  }));
  // What the second pass has to begin with is the header as it was first read.
  const made = ({ bodyHash }: Survey): Made => {
    const signs = signatures.map((signature) => signatureField({ ...signature, bodyHash }, fields));
    return { head, bodyHash, fields: Buffer.from(signs.join(''), 'latin1') };
  };
  const ready = survey && made(survey);
  const added = signatures.reduce((sum, signature) => sum + signatureSize(signature), 0);
  return {
    size: form.size === undefined ? undefined : form.size + added,
    eightBit: form.eightBit,
    smtpUtf8: form.smtpUtf8,
    signatures: signatures.map(({ signer: { selector, algorithm }, domain }) => ({
      domain,
      selector,
      algorithm,
    })),
    fromDomain,
    async *[Symbol.asyncIterator]() {
      yield* withFields(form, ready ?? made(await surveyOf(form, task.signal)));
    },
  };
}

interface Made extends Survey {
  /** The fields that sign it. */
  readonly fields: Buffer;
}

/** The second pass: it has to be what was signed, to the end, or there is no end. */
async function* withFields(form: Signable, { head, bodyHash, fields }: Made): AsyncGenerator<Uint8Array> {
  const hash = await bodyHasher();
  let isHead = true;
  for await (const piece of headThenBody(form)) {
    if (isHead) {
      if (!head.equals(piece)) throw changed();
      yield Buffer.concat([fields, piece]);
      isHead = false;
      continue;
    }
    hash.push(piece);
    yield piece;
  }
  if (hash.finish() !== bodyHash) throw changed();
}

async function surveyOf(form: Signable, signal: AbortSignal | undefined): Promise<Survey> {
  const hash = await bodyHasher();
  let head: Buffer | undefined;
  for await (const piece of headThenBody(form)) {
    if (signal?.aborted === true)
      throw new InterruptedError('interrupted while the message was signed', { stage: 'compose' });
    if (head === undefined) head = Buffer.from(piece);
    else hash.push(piece);
  }
  return { head: head ?? Buffer.alloc(0), bodyHash: hash.finish() };
}

async function headOf(form: Signable): Promise<Buffer> {
  for await (const head of headThenBody(form)) return Buffer.from(head);
  return Buffer.alloc(0);
}

async function bodyHasher(): Promise<{ push(piece: Uint8Array): void; finish(): string }> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  const body = new RelaxedBody((octets) => void hash.update(octets));
  return {
    push: (piece) => body.push(piece),
    finish() {
      body.finish();
      return hash.digest('base64');
    },
  };
}

/** The header with the blank line in one piece, then the body as it comes; line ends are those of the wire. */
async function* headThenBody(form: Signable): AsyncGenerator<Uint8Array> {
  const source = form.whole === undefined ? form : bytesSource(form.whole).open();
  let held: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of canonical(source)) {
    if (held === undefined) {
      yield chunk;
      continue;
    }
    const from = Math.max(0, held.length - 3);
    held = Buffer.concat([held, chunk]);
    const end = held.subarray(0, 2).toString('latin1') === '\r\n' ? 2 : endOfHeader(held, from);
    if (end === undefined) {
      if (held.length > HEADER_LIMIT) throw unsignable(`its header is longer than ${HEADER_LIMIT} octets`);
      continue;
    }
    yield held.subarray(0, end);
    if (end < held.length) yield held.subarray(end);
    held = undefined;
  }
  if (held !== undefined) yield held;
}

function endOfHeader(held: Buffer, from: number): number | undefined {
  const at = held.indexOf('\r\n\r\n', from, 'latin1');
  return at === -1 ? undefined : at + 4;
}

function checkForm(form: Signable): void {
  if (form.binary === true) throw unsignable('it is binary, and a signature is one of lines');
  if (form.whole === undefined && ['next', 'pipe', 'getReader'].some((method) => method in form)) {
    throw new UsageError('a message that can be read once only cannot be signed', {
      hint: 'give one that can be iterated again, such as that of compose',
    });
  }
}

/** Two are what an attacker adds, and readers show one of them (RFC 6376 8.15). */
function fromDomainOf(head: Buffer, fields: readonly RawField[]): string | undefined {
  const count = fields.filter(({ name }) => name === 'from').length;
  if (count !== 1) throw unsignable(count === 0 ? 'it has no From field' : `it has ${count} From fields`);
  const [author] = readAddresses(fieldValue(parseHeader(head), 'from') ?? '');
  const at = author?.address.lastIndexOf('@') ?? -1;
  if (author === undefined || at === -1) return undefined;
  const domain = author.address.slice(at + 1).toLowerCase();
  return /[^\0-\x7f]/.test(domain) ? domainToASCII(domain) : domain;
}

function defaultDomain(fromDomain: string | undefined, { selector }: LoadedSigner): string {
  try {
    return signingDomain(fromDomain ?? '', selector);
  } catch (cause) {
    throw unsignable(`From has no domain to sign for (${JSON.stringify(fromDomain ?? '')})`, cause);
  }
}

function unsignable(why: string, cause?: unknown): DataError {
  return new DataError(`the message cannot be signed: ${why}`, { stage: 'compose', cause });
}

function changed(): DataError {
  return new DataError('the message changed after it was signed', {
    stage: 'compose',
    hint: 'nothing was sent; send a copy that nobody writes to',
  });
}
