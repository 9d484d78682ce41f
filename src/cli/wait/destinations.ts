import type { Context } from '../context.ts';
import { isGitHub } from '../workflow-commands.ts';
import type { Print, WaitOptions } from './options.ts';
import { addTo, checkVariable, dotenvLine, gitHubOutput, maskCommand, outputLines } from './runner.ts';

/** Where values go for the steps and jobs that follow. */
export interface Destinations {
  /** Has the runner hide a value, before it is printed anywhere. */
  mask(value: string): void;
  /** The writing of all values: DataError now, before anything is done, where one of them cannot be written. */
  prepared(values: readonly string[]): () => Promise<void>;
}

/** UsageError or ConfigError where they cannot be, before anything is waited for. */
export function destinationsOf(ctx: Context, options: WaitOptions, print: Print | undefined): Destinations {
  const github = options.ghOutput === undefined ? undefined : gitHubOutput(ctx, options.ghOutput);
  const { dotenv, dotenvKey: key = `MAIL_${(print ?? 'text').toUpperCase()}` } = options;
  if (dotenv !== undefined) checkVariable('--dotenv-key', key);
  const gitlab = ctx.io.env['GITLAB_CI'] === 'true';
  return {
    mask(value) {
      // On standard error, where no $(...) takes it for a part of the value; a runner reads both.
      if (options.ghMask !== true || !isGitHub(ctx.io)) return;
      for (const line of value.split('\n')) if (line.trim() !== '') ctx.io.stderr.write(maskCommand(line));
    },
    prepared(values) {
      const value = values.join('\n');
      const line = dotenv === undefined ? '' : dotenvLine(key, value, { gitlab });
      return async () => {
        if (github !== undefined) await addTo(github.path, outputLines(github.name, value));
        if (dotenv !== undefined) await addTo(dotenv, line);
      };
    },
  };
}
