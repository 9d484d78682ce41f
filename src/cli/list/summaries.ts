import type { RejectedError } from '../../errors.ts';
import {
  fieldValue,
  type HeaderField,
  type Mailbox,
  parseHeader,
  readAddresses,
  readDate,
  readText,
} from '../../mime/index.ts';
import type { Pop3Client } from '../../pop3/index.ts';
import type { Progress } from '../progress.ts';
import type { Row } from '../selection.ts';

/** What a person knows a message by. Nothing in it can be trusted, and anything may be missing. */
export interface Summary {
  readonly date: Date | undefined;
  readonly from: readonly Mailbox[];
  readonly to: readonly Mailbox[];
  readonly subject: string;
  /** With its angle brackets. */
  readonly messageId: string | undefined;
}

export interface Summaries {
  readonly byNumber: ReadonlyMap<number, Summary>;
  /** The first refusal, and how many there were. */
  readonly refusal: RejectedError | undefined;
  readonly refused: number;
}

/** So much of a header is looked at: no real one is longer. */
const HEADER_LIMIT = 1024 * 1024;

/** Reads the header of each of `rows` with TOP; a refused one is left out, and one that is not `wanted`. */
export async function readSummaries(
  pop3: Pop3Client,
  rows: readonly Row[],
  progress: Progress,
  wanted: (fields: readonly HeaderField[]) => boolean = () => true,
): Promise<Summaries> {
  const byNumber = new Map<number, Summary>();
  let refusal: RejectedError | undefined;
  let refused = 0;
  let read = 0;
  const waiting = rows.map(({ number }) => number);
  const announced = pop3.capabilities.has('TOP');
  // A server that refuses the first TOP and never announced it has none: the others are not asked for.
  const probe = announced ? waiting : waiting.slice(0, 1);
  for (const numbers of announced ? [probe] : [probe, waiting.slice(1)]) {
    if (!announced && refused > 0) break;
    for await (const { number, bytes, error } of pop3.tops(numbers, 0)) {
      if (error !== undefined) {
        refusal ??= error;
        refused++;
        continue;
      }
      const fields = parseHeader(await headerOf(bytes));
      if (wanted(fields)) byNumber.set(number, summaryOf(fields));
      progress.update(++read);
    }
  }
  return { byNumber, refusal, refused };
}

/** The start of what TOP gives, in memory of its own: a server may send more than the header, or no end of it. */
export async function headerOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const kept: Buffer[] = [];
  let octets = 0;
  for await (const chunk of bytes) {
    const room = HEADER_LIMIT - octets;
    if (room <= 0) continue;
    const piece = Buffer.from(chunk.subarray(0, room)); // a copy: the chunk is only lent
    kept.push(piece);
    octets += piece.length;
  }
  const [first] = kept;
  return kept.length === 1 && first !== undefined ? first : Buffer.concat(kept);
}

function summaryOf(fields: readonly HeaderField[]): Summary {
  const of = (name: string) => fieldValue(fields, name) ?? '';
  return {
    date: readDate(of('date')),
    from: readAddresses(of('from')),
    to: readAddresses(of('to')),
    subject: readText(of('subject')).trim(),
    messageId: /<[^<>\s]{1,500}>/.exec(of('message-id'))?.[0],
  };
}
