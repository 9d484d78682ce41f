import type { Command } from 'commander';
import type { Protocol, SettingKey } from '../../config/index.ts';
import type { Context } from '../context.ts';

/** What a command's file exports as `command`. The top of `index.ts` shows one whole. */
export interface CommandDefinition<Options extends object = object> {
  /** The servers it talks to: it gets their settings as flags, and `ctx.settings`. Absent: it needs no settings. */
  readonly connects?: readonly Protocol[];
  /** Whether the settings of a message (`--from`) belong to it. */
  readonly composes?: boolean;
  /** Whether it can sign what it sends: it gets the settings of DKIM. */
  readonly signs?: boolean;
  /** It connects to nothing, and looks at the configuration all the same. */
  readonly configured?: true;
  /** Whether it can work for several accounts in one run; the others take one. */
  readonly several?: true;
  /** Settings whose usual flag means something else here, and the flag that they have in its place. */
  readonly renames?: Readonly<Partial<Record<SettingKey, string>>>;
  /** Every field of its one `--json` document (of a stream: of the last line), as it is before anything was done: a failure has them all, too. */
  readonly document?: Readonly<Record<string, unknown>>;
  /** Three commands that a reader can copy, most useful first. */
  readonly examples: readonly string[];
  /** Text at the end of `--help`, with its own line ends. */
  readonly notes?: string;
  /** What stands after `--` comes as `options.verbatim`, apart from the arguments; absent there: no `--` was given. */
  readonly verbatim?: true;
  /** Adds arguments and options to the commander command. */
  define?(command: Command): void;
  /** Does the work, and resolves with the exit code. Failures are thrown: the shell turns them into text, JSON and a code. */
  run(ctx: Context, args: readonly string[], options: Options): Promise<number>;
}
