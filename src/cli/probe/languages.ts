import { RejectedError } from '../../errors.ts';
import type { Language, Pop3Client } from '../../pop3/index.ts';
import type { Context } from '../context.ts';

export type { Language };

/** The languages a POP3 server has for its own words; none where it announces no choice, or will not say. */
export async function languagesOf(ctx: Context, pop3: Pop3Client): Promise<readonly Language[]> {
  if (!pop3.capabilities.has('LANG')) return [];
  try {
    return await pop3.languages();
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    ctx.output.warn(`the server does not list its languages: ${error.message}`);
    return [];
  }
}

/** `languages   de (Deutsch), en (English)`; nothing where there are none. */
export function languageRow(languages: readonly Language[]): (readonly [label: string, text: string])[] {
  if (languages.length === 0) return [];
  const text = languages.map(({ tag, description }) =>
    description === '' ? tag : `${tag} (${description})`,
  );
  return [['languages', text.join(', ')]];
}
