import { UsageError } from '../errors.ts';
import { colorFlag, hasFlag, splitArguments } from './arguments.ts';
import type { CommandDefinition } from './commands/command.ts';
import { COMMANDS, type CommandEntry, findCommand } from './commands/index.ts';
import { EXIT } from './exit.ts';
import { type Io, processIo } from './io.ts';
import { Output, type OutputOptions } from './output.ts';
import type { Parsed } from './program.ts';
import { settingsLoader } from './settings-loader.ts';
import { settle } from './settle.ts';

/** How long a run may go on cleaning up after a signal. */
const CLEAN_UP_MS = 2_000;

/** The command: the only place that touches the process. */
export function main(): void {
  const interruption = new AbortController();
  let patient = false;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    const second = interruption.signal.aborted;
    interruption.abort(signal);
    if (patient) return;
    // What does not let go in time, or not fast enough for whoever sends the signal again, is left behind.
    // Not by process.exit, which waits for a thread that is stuck in an open or a write: by the signal's own effect.
    const leave = () => {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    };
    if (second) leave();
    else setTimeout(leave, CLEAN_UP_MS).unref();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const io = processIo(interruption.signal, () => {
    patient = true;
  });
  run(process.argv.slice(2), io).then(
    // All output has been written by now, by calls that wait (see io.ts): nothing is cut off. What an orderly end would still
    // do, taking the heap apart, a short run would pay for with a tenth of its time.
    (exit) => process.exit(exit),
    (error: unknown) => {
      process.exitCode = EXIT.bug;
      throw error;
    },
  );
}

/** Does what `argv` (without node and script) asks for, and resolves with the exit code. Never rejects but for a bug. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const { name, rest } = splitArguments(argv);
  const rough: OutputOptions = {
    json: hasFlag(argv, '--json'),
    quiet: hasFlag(argv, '-q', '--quiet'),
    verbosity: 0,
    color: colorFlag(argv),
  };
  const entry = name === undefined ? undefined : findCommand(name);
  try {
    if (entry === undefined) return await withoutCommand(name, rest, io, rough);
    if (entry.name === 'help') {
      const topic = splitArguments(rest).name;
      const about = topic === undefined ? undefined : findCommand(topic);
      if (about !== undefined) return await runCommand(about, ['--help'], io, rough);
    }
    return await runCommand(entry, rest, io, rough);
  } catch (error) {
    return fail(error, io, rough, entry);
  }
}

async function fail(
  error: unknown,
  io: Io,
  rough: OutputOptions,
  entry: CommandEntry | undefined,
  command?: CommandDefinition,
): Promise<number> {
  const output = new Output(io, rough);
  await output.prepare();
  output.document(command?.document ?? {});
  return settle(output, io, schemaOf(entry), () => Promise.reject(error));
}

async function runCommand(
  entry: CommandEntry,
  argv: readonly string[],
  io: Io,
  rough: OutputOptions,
): Promise<number> {
  const { command } = await entry.load();
  const { parseCommand, HelpAsked } = await import('./program.ts');
  let parsed: Parsed;
  try {
    parsed = parseCommand(entry, command, argv, io.stdout.columns);
  } catch (error) {
    if (error instanceof HelpAsked) return print(error.text, io, rough);
    return fail(error, io, rough, entry, command);
  }
  const output = new Output(io, parsed.globals);
  await output.prepare();
  output.document(command.document ?? {});
  return settle(output, io, schemaOf(entry), () => work(entry, command, parsed, io, output));
}

const schemaOf = (entry: CommandEntry | undefined) =>
  entry === undefined ? 'mailtool/1' : `mailtool.${entry.name}/1`;

async function work(
  entry: CommandEntry,
  command: CommandDefinition,
  parsed: Parsed,
  io: Io,
  output: Output,
): Promise<number> {
  const { accounts } = parsed.globals;
  const several = accounts.length > 1 || parsed.options['allAccounts'] === true;
  if (several && command.several !== true) {
    throw new UsageError('several accounts were named', {
      hint: 'give -a once, or the command once for each',
    });
  }
  const load = settingsLoader(parsed, io, several);
  const settings = command.connects === undefined ? undefined : await load.settings({});
  for (const warning of settings?.warnings ?? []) output.warn(warning);
  const deadlineMs = settings?.duration('deadline');
  const { Context } = await import('./context.ts');
  const ctx = new Context(io, output, settings, {
    name: entry.name,
    input: parsed.globals.input,
    settingsWith: load.settings,
    config: load.config,
    accounts,
    deadline:
      deadlineMs === undefined ? undefined : (await import('../net/deadline.ts')).Deadline.after(deadlineMs),
  });
  try {
    return await command.run(ctx, parsed.args, parsed.options);
  } finally {
    ctx.close();
  }
}

async function withoutCommand(
  name: string | undefined,
  rest: readonly string[],
  io: Io,
  rough: OutputOptions,
): Promise<number> {
  if (name !== undefined) {
    const { nearest } = await import('../config/nearest.ts');
    const near = nearest(
      name,
      COMMANDS.map((command) => command.name),
    );
    throw new UsageError(`unknown command '${name}'`, {
      hint: `${near === undefined ? '' : `did you mean ${near}? `}mailtool --help lists the commands`,
    });
  }
  if (hasFlag(rest, '-h', '--help')) {
    const { fullHelp } = await import('./program.ts');
    return print(fullHelp(COMMANDS, io.stdout.columns), io, rough);
  }
  if (hasFlag(rest, '-V', '--version')) {
    const { version } = await import('./version.ts');
    return print(`${version}\n`, io, rough);
  }
  if (rough.json) throw new UsageError('no command', { hint: 'mailtool --help lists the commands' });
  const width = Math.max(...COMMANDS.map((command) => command.name.length));
  const lines = COMMANDS.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}\n`);
  io.stderr.write(
    `usage: mailtool COMMAND [options] [arguments]\n\n${lines.join('')}\nmailtool --help, or mailtool COMMAND --help, says more.\n`,
  );
  return EXIT.usage;
}

/** Text of our own that was asked for. */
function print(text: string, io: Io, options: OutputOptions): Promise<number> {
  const output = new Output(io, { ...options, json: false });
  output.line(text.replace(/\n$/, ''));
  return settle(output, io, schemaOf(undefined), () => Promise.resolve(EXIT.done));
}
