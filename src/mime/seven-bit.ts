/** What is to be changed in a message that somebody else made, so that a server can take it (RFC 6152, RFC 2045 6.4). */
import type { MailError } from '../errors.ts';
import type { BodyMeter, Measured, Recoded } from './body-meter.ts';
import { relabelled, withoutHidden } from './header-block.ts';
import { parseHeader } from './read-header.ts';
import type { Source } from './source.ts';
import type { Edit } from './splice.ts';
import { type Entity, readStructure, type Visitor } from './structure.ts';
import { LONGEST_LINE } from './survey.ts';

export interface Changes {
  /** In order; the header of the message, if it is among them, is the first. */
  readonly edits: readonly Edit[];
  /** Whether 8-bit octets are left. */
  readonly eightBit: boolean;
}

/** So many parts may be changed, with so many octets of headers: what is remembered of them is in memory. */
const EDITS_LIMIT = 20_000;
const HEADERS_LIMIT = 32 * 1024 * 1024;

/**
 * Reads `source` for the changes that make each line of it fit: to 998 octets without a NUL, and `lines` says whether with
 * 8-bit octets. Parts that do not fit become quoted-printable or base64, and nothing else is touched, save, in 7-bit
 * messages, the labels of what was 8-bit before. What may not be changed, or cannot, without harm to what it says, is the error that
 * `refuse` makes of the reason: anything signed, and 8-bit header fields in a 7-bit message.
 */
export async function changesFor(
  source: Source,
  lines: '7bit' | '8bit',
  refuse: (why: string) => MailError,
): Promise<Changes> {
  const planner = new Planner(lines === '7bit', refuse);
  await readStructure(source, planner);
  return planner.changes();
}

class Planner implements Visitor {
  readonly #sevenBit: boolean;
  readonly #refuse: (why: string) => MailError;
  readonly #edits: Edit[] = [];
  #headers = 0;
  #eightBit = false;
  /** Why the message as a whole is better left alone. */
  #untouchable: string | undefined;

  constructor(sevenBit: boolean, refuse: (why: string) => MailError) {
    this.#sevenBit = sevenBit;
    this.#refuse = refuse;
  }

  changes(): Changes {
    if (this.#edits.length > 0 && this.#untouchable !== undefined) throw this.#refuse(this.#untouchable);
    // Those at the same place were found in their order.
    return { edits: this.#edits.toSorted((one, other) => one.from - other.from), eightBit: this.#eightBit };
  }

  header(entity: Entity, line: number): void {
    const isFirst = entity.from === 0 && entity.isMessage;
    const head = (isFirst ? withoutHidden(entity.head) : entity.head).toString('latin1');
    const eightBit = !/^[\0-\x7f]*$/.test(head);
    if (eightBit && this.#sevenBit)
      throw this.#refuse(`the header that ends before line ${line} has 8-bit octets itself`);
    if (head.includes('\0') || head.split('\r\n').some(({ length }) => length > LONGEST_LINE))
      throw this.#refuse(`it is in a header, which ends before line ${line}`);
    this.#eightBit ||= eightBit;
    if (!isFirst) return;
    if (parseHeader(entity.head).some(({ name }) => name.toLowerCase() === 'dkim-signature'))
      this.#untouchable = 'it is signed (DKIM)';
    else if (!entity.separated && entity.head.length > 0)
      this.#untouchable = `line ${line} of its header is no header field`;
  }

  body(entity: Entity, meter: BodyMeter, measured: Measured, line: number): void {
    const isBinary = entity.encoding === 'binary' && meter.kind === 'octets' && !entity.signed;
    const fits = !measured.unsendable && !(measured.eightBit && this.#sevenBit);
    if (fits && !isBinary) {
      this.#eightBit ||= measured.eightBit;
      if (meter.kind === 'text' || meter.kind === 'octets') this.#relabel(entity);
      return;
    }
    if (entity.signed) throw this.#refuse('it is signed, and to encode it anew would break the signature');
    const recoded = meter.recoded();
    if (recoded === undefined) throw this.#refuse(`${meter.why} (line ${line})`);
    if (recoded.encoding !== undefined) this.#label(entity, recoded.encoding);
    this.#add(bodyEdit(meter.from, measured, recoded));
  }

  container(entity: Entity): void {
    this.#relabel(entity);
  }

  /** What holds no 8-bit octets any more says so (RFC 2045 6.4). */
  #relabel(entity: Entity): void {
    if (!this.#sevenBit || entity.signed) return;
    if (/^(?:8-?bit|binary)$/.test(entity.encoding ?? '')) this.#label(entity, '7bit');
  }

  #label(entity: Entity, encoding: string): void {
    const { from, to, head, separated, isMessage } = entity;
    const labelled = relabelled(head, encoding, isMessage);
    const made = separated ? labelled : Buffer.concat([labelled, Buffer.from('\r\n')]);
    this.#headers += made.length;
    this.#add({ from, to, was: head.length, size: made.length, made });
  }

  #add(edit: Edit): void {
    this.#edits.push(edit);
    if (this.#edits.length > EDITS_LIMIT || this.#headers > HEADERS_LIMIT)
      throw this.#refuse('it has too many parts');
  }
}

function bodyEdit(from: number, { to, size: was }: Measured, { size, recoding }: Recoded): Edit {
  return { from, to, was, size, made: recoding };
}
