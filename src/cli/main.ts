import type { Settings } from '../config/index.ts';
import { InterruptedError, MailError, TimeoutError, UsageError } from '../errors.ts';
import { colorFlag, hasFlag, splitArguments } from './arguments.ts';
import type { CommandDefinition } from './commands/command.ts';
import { COMMANDS, type CommandEntry, findCommand } from './commands/index.ts';
import { EXIT, exitOfError } from './exit.ts';
import { errorDocument, reportError } from './failure.ts';
import { type Io, processIo } from './io.ts';
import { Output, type OutputOptions, ReaderGone } from './output.ts';
import type { Parsed } from './program.ts';

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
    const output = new Output(io, rough);
    await output.prepare();
    return settle(output, io, entry, () => Promise.reject(error));
  }
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
    throw error;
  }
  const output = new Output(io, parsed.globals);
  await output.prepare();
  return settle(output, io, entry, () => work(entry, command, parsed, io, output));
}

async function work(
  entry: CommandEntry,
  command: CommandDefinition,
  parsed: Parsed,
  io: Io,
  output: Output,
): Promise<number> {
  const settings = command.connects === undefined ? undefined : await settingsOf(parsed, io);
  for (const warning of settings?.warnings ?? []) output.warn(warning);
  const deadlineMs = settings?.duration('deadline');
  const { Context } = await import('./context.ts');
  const ctx = new Context(io, output, settings, {
    name: entry.name,
    input: parsed.globals.input,
    settingsWith: (flags) => settingsOf({ ...parsed, flags: { ...parsed.flags, ...flags } }, io),
    deadline:
      deadlineMs === undefined ? undefined : (await import('../net/deadline.ts')).Deadline.after(deadlineMs),
  });
  try {
    return await command.run(ctx, parsed.args, parsed.options);
  } finally {
    ctx.close();
  }
}

async function settingsOf({ flags, globals }: Parsed, io: Io): Promise<Settings> {
  const { loadSettings, readEnvFiles } = await import('../config/index.ts');
  const { envFiles } = globals;
  return loadSettings({
    flags,
    env: io.env,
    envFiles: await readEnvFiles(
      envFiles === false ? { named: [], none: true } : { named: envFiles, directory: io.cwd },
    ),
  });
}

/** Turns the end of a run, good or bad, into text, document and exit code. */
async function settle(
  output: Output,
  io: Io,
  entry: CommandEntry | undefined,
  working: () => Promise<number>,
): Promise<number> {
  const schema = entry === undefined ? 'mailtool/1' : `mailtool.${entry.name}/1`;
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
  return settle(output, io, undefined, () => Promise.resolve(EXIT.done));
}
