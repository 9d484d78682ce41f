import { RejectedError } from '../../errors.ts';
import { type HeaderField, parseHeader } from '../../mime/index.ts';
import { type ReadMessage, readMessage } from '../../mime/read/index.ts';
import type { Deadline } from '../../net/deadline.ts';
import type { Pop3Client } from '../../pop3/index.ts';
import type { Context } from '../context.ts';
import type { Filter } from '../filter.ts';
import { headerOf } from '../list/summaries.ts';
import type { Known } from './baseline.ts';
import type { Finder, Finding } from './find.ts';
import { limited, TookTooLong } from './limited.ts';

/** A message that is what was waited for. */
export interface Match {
  readonly key: string;
  readonly number: number;
  readonly uid: string;
  readonly fields: readonly HeaderField[];
  /** The message, where it had to be retrieved. */
  readonly whole: Whole | undefined;
  readonly link: Finding | undefined;
  readonly code: Finding | undefined;
}

export interface Whole {
  /** Exactly as it came; the beginning, where it is larger than anybody wants to read. */
  readonly bytes: Buffer;
  readonly size: number;
  readonly message: ReadMessage;
}

export interface Criteria {
  readonly filter: Filter | undefined;
  readonly body: ((message: ReadMessage) => boolean) | undefined;
  readonly link: Finder;
  readonly code: Finder;
  /** A message without a link, or a code, is not what was waited for. */
  readonly needsLink: boolean;
  readonly needsCode: boolean;
  /** Whether the message is wanted whole, also where nothing has to be looked for in it. */
  readonly needsWhole: boolean;
}

/** So much of a message is kept. */
const KEPT = 64 * 1024 * 1024;
/** Expressions get so long over one message: a hostile one shall not cost the wait for the right one, nor hold up a signal. */
const JUDGED_MS = 2_000;
const BATCH = 200;

/** Says which messages are meant. What has been judged is not looked at again. */
export class Judge {
  /** Messages that met every filter, and had no link or code to give. */
  lacking = 0;
  readonly #ctx: Context;
  readonly #criteria: Criteria;
  readonly #deadline: Deadline;
  readonly #judged: Set<string>;
  readonly #refused = new Set<string>();

  /** What has one of the keys in `judged` is not looked at. */
  constructor(ctx: Context, criteria: Criteria, deadline: Deadline, judged: Set<string>) {
    this.#ctx = ctx;
    this.#criteria = criteria;
    this.#deadline = deadline;
    this.#judged = judged;
  }

  /** The messages of this session that match and were not judged before, the oldest first. */
  async *matches(pop3: Pop3Client, there: readonly Known[]): AsyncGenerator<Match, void, void> {
    const fresh = await this.#ofSize(
      pop3,
      there.filter(({ key }) => !this.#judged.has(key)),
    );
    for (let at = 0; at < fresh.length; at += BATCH) {
      const batch = fresh.slice(at, at + BATCH);
      const headers = await this.#headers(pop3, batch);
      for (const known of batch) {
        const match = await this.#judge(pop3, known, headers.get(known.number));
        if (match === undefined) continue;
        this.#judged.add(known.key);
        if (match !== 'no') yield match;
      }
    }
  }

  /** Those that LIST says are large or small enough. */
  async #ofSize(pop3: Pop3Client, rows: readonly Known[]): Promise<readonly Known[]> {
    const { filter } = this.#criteria;
    if (filter === undefined || rows.length === 0 || !filter.bySize) return rows;
    const sizes = new Map((await pop3.list()).map(({ number, size }) => [number, size]));
    return rows.filter(({ number, uid, key }) => {
      const fits = filter.size({ number, uid, size: sizes.get(number) ?? 0 });
      if (!fits) this.#judged.add(key);
      return fits;
    });
  }

  /** By TOP, where there are filters for it; what is refused will be retrieved. */
  async #headers(
    pop3: Pop3Client,
    rows: readonly Known[],
  ): Promise<ReadonlyMap<number, readonly HeaderField[]>> {
    const headers = new Map<number, readonly HeaderField[]>();
    const { filter, needsWhole } = this.#criteria;
    if (!pop3.capabilities.has('TOP') || (filter?.header === undefined && needsWhole)) return headers;
    for await (const { number, bytes } of pop3.tops(
      rows.map((row) => row.number),
      0,
    )) {
      if (bytes !== undefined) headers.set(number, parseHeader(await headerOf(bytes)));
    }
    return headers;
  }

  /** Undefined: the server did not give it, and may do so next time. */
  async #judge(
    pop3: Pop3Client,
    { number, uid, key }: Known,
    header: readonly HeaderField[] | undefined,
  ): Promise<Match | 'no' | undefined> {
    const { filter, body, needsWhole, needsLink, needsCode } = this.#criteria;
    try {
      if (header !== undefined && !this.#holds(() => filter?.header?.(header) ?? true)) return 'no';
      const retrieve = needsWhole || body !== undefined || header === undefined;
      const whole = retrieve ? await this.#whole(pop3, number) : undefined;
      const fields = header ?? parseHeader(whole?.bytes ?? Buffer.alloc(0));
      if (header === undefined && !this.#holds(() => filter?.header?.(fields) ?? true)) return 'no';
      if (whole === undefined) {
        return { key, number, uid, fields, whole, link: undefined, code: undefined };
      }
      const { message } = whole;
      if (body !== undefined && !this.#holds(() => body(message))) return 'no';
      const [link, code] = this.#holds(() => [this.#criteria.link(message), this.#criteria.code(message)]);
      if ((needsLink && link === undefined) || (needsCode && code === undefined)) {
        this.lacking++;
        this.#ctx.output.verbose(`a message matches, and has no ${needsLink ? 'link' : 'code'}: ${uid}`);
        return 'no';
      }
      return { key, number, uid, fields, whole, link, code };
    } catch (error) {
      if (error instanceof TookTooLong) {
        this.#ctx.output.warn(`a regular expression does not come to an end on a message, which is left out`);
        return 'no';
      }
      if (!(error instanceof RejectedError) || !error.connectionUsable) throw error;
      if (!this.#refused.has(key)) this.#ctx.output.warn(`a message cannot be judged: ${error.message}`);
      this.#refused.add(key);
      return undefined;
    }
  }

  #holds<T>(test: () => T): T {
    return limited(Math.min(JUDGED_MS, this.#deadline.remainingMs), test);
  }

  async #whole(pop3: Pop3Client, number: number): Promise<Whole> {
    const kept: Buffer[] = [];
    let size = 0;
    for await (const chunk of pop3.retr(number)) {
      const room = KEPT - size;
      if (room > 0) kept.push(Buffer.from(chunk.subarray(0, room))); // a copy: the chunk is only lent
      size += chunk.length;
    }
    const bytes = Buffer.concat(kept);
    return { bytes, size, message: await readMessage(bytes) };
  }
}
