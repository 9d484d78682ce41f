import {
  ConfigError,
  DataError,
  InputError,
  InterruptedError,
  MailError,
  ProtocolError,
  RecipientsError,
  type ReplyDetail,
  StorageError,
  UsageError,
} from '../errors.ts';
import type { Output } from './output.ts';

/** The `error` of a JSON document. */
export function errorDocument(error: unknown, exit: number): Record<string, unknown> {
  if (error instanceof MailError) {
    const { code, ...rest } = error.toJSON();
    return { code, exit, ...rest, hint: error.hint ?? defaultHint(error) ?? null };
  }
  return {
    code: 'EBUG',
    exit,
    stage: null,
    message: error instanceof Error ? error.message : String(error),
    hint: BUG_HINT,
    retryable: false,
    reply: null,
  };
}

const BUG_HINT = 'this is a bug in mailtool: please report it, with the output of the same command with -v';

/** A line for each refused recipient. */
export function refusals(replies: ReadonlyMap<string, ReplyDetail>): string[] {
  return [...replies].map(([path, { code, enhanced, text }]) => {
    const words = [code, enhanced, text].filter((word) => word !== null && word !== '').join(' ');
    return `<${path}>: ${words}${String(code).startsWith('4') ? ' (for now)' : ''}`;
  });
}

/** Says `error` on standard error, for people. */
export function reportError(output: Output, error: unknown): void {
  if (error instanceof MailError) {
    const refused = error instanceof RecipientsError && error.replies.size > 1 ? refusals(error.replies) : [];
    output.error(error.message, error.hint ?? defaultHint(error), refused);
    return;
  }
  output.error(`internal error: ${error instanceof Error ? error.message : String(error)}`, BUG_HINT);
  if (error instanceof Error && error.stack !== undefined) output.verbose(error.stack);
}

/** No error leaves its reader without a next step. */
function defaultHint(error: MailError): string | undefined {
  if (error instanceof InterruptedError) return undefined;
  if (error.delivery === 'in-doubt') {
    return 'it may have been done: look before doing it again';
  }
  if (error instanceof ProtocolError)
    return 'is it the right port? the same command with -vv shows what was said';
  if (error instanceof StorageError && (error.step === 'exec' || error.step === 'shell'))
    return 'the message stays on the server, and is tried again by the next run';
  if (error instanceof StorageError) return 'is there such a place, with room, that may be written to?';
  if (error.retryable) return 'trying again later can help';
  if (error instanceof ConfigError) return 'mailtool help env lists the settings';
  if (error instanceof UsageError) return 'the command with --help shows what it takes';
  if (error instanceof InputError)
    return error.reply === undefined ? 'check the name' : 'the server’s words say why';
  if (error instanceof DataError) return 'correct it, and give the command again';
  return 'the same command with -vv shows what was said';
}
