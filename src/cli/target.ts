import type { Pop3Client } from '../pop3/index.ts';
import type { Context } from './context.ts';
import { readSummaries, type Summary } from './list/summaries.ts';
import type { Plan } from './plan.ts';
import { octets } from './progress.ts';
import { toTerminalLine } from './terminal.ts';

/** A message that something is, or was, to be done with, as it is told. */
export interface Target {
  readonly number: number;
  readonly uid: string | null;
  readonly size: number;
  readonly subject: string | null;
}

/** Of more messages than this the subjects are not looked up. */
const SUBJECTS = 1_000;

/** The messages of a plan with what a person knows them by; a subject that cannot be had is null. */
export async function targetsOf(
  ctx: Context,
  pop3: Pop3Client,
  { rows, summaries }: Plan,
): Promise<Target[]> {
  const unknown = rows.filter(({ number }) => !summaries.has(number));
  const progress = ctx.progress({ label: 'reading headers', total: unknown.length, unit: 'messages' });
  try {
    const looked = rows.length > SUBJECTS ? [] : unknown;
    const { byNumber } = await readSummaries(pop3, looked, progress);
    const of = (number: number): Summary | undefined => summaries.get(number) ?? byNumber.get(number);
    return rows.map(({ number, uid, size }) => ({
      number,
      uid: uid ?? null,
      size,
      subject: of(number)?.subject ?? null,
    }));
  } finally {
    progress.finish();
  }
}

/** `3 uid:XYZ (4.1 KB) Subject`. */
export function targetLine({ number, uid, size, subject }: Target): string {
  const id = uid === null ? '' : ` uid:${uid}`;
  return toTerminalLine(
    `${number}${id} (${octets(size)})${subject === null || subject === '' ? '' : ` ${subject}`}`,
  );
}
