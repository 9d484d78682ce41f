import { InterruptedError, MailError, TimeoutError } from '../errors.ts';
import { EXIT, exitOfError } from './exit.ts';
import { errorDocument, reportError } from './failure.ts';
import type { Io } from './io.ts';
import type { Output } from './output.ts';
import { ReaderGone } from './write-failure.ts';

/** Turns the end of a run, or of what it did for one account, good or bad, into text, document and exit code. */
export async function settle(
  output: Output,
  io: Io,
  schema: string,
  working: () => Promise<number>,
): Promise<number> {
  let exit: number;
  try {
    exit = await working();
    output.finish(schema, exit, undefined);
  } catch (thrown) {
    if (thrown instanceof ReaderGone) return EXIT.done;
    const signal: NodeJS.Signals | undefined = io.signal.aborted ? io.signal.reason : undefined;
    const error = interrupted(thrown, signal);
    exit = exitOfError(error, signal);
    reportError(output, error);
    output.finish(schema, exit, errorDocument(error, exit));
  }
  try {
    await output.flush();
  } catch (error) {
    if (error instanceof ReaderGone) return exit;
    if (exit === EXIT.done) reportError(output, error); // otherwise the run has failed already, and said so
    return exit === EXIT.done ? exitOfError(error) : exit;
  }
  return exit;
}

/** What a signal, or the deadline, brought down says so, whatever it looked like from below; a doubtful outcome stays one. */
function interrupted(error: unknown, signal: NodeJS.Signals | undefined): unknown {
  if (error instanceof MailError && error.delivery === 'in-doubt') return error;
  const stage = error instanceof MailError && error.stage !== undefined ? { stage: error.stage } : {};
  if (signal !== undefined)
    return new InterruptedError(`interrupted by ${signal}`, { cause: error, ...stage });
  if (!(error instanceof InterruptedError)) return error;
  // No signal came: it was the deadline. Which server was waited for, if any, this error does not know.
  const at = { phase: 'connect', host: '', port: 0 } as const;
  return new TimeoutError('the deadline of the whole run has passed', at, {
    cause: error,
    hint: 'something did not come to its end, such as standard input; --deadline allows for more time',
    ...stage,
  });
}
