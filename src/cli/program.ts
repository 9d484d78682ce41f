import { Command, CommanderError, Help, Option } from 'commander';
import { SETTING_GROUPS, SETTINGS, type SettingGroup, type SettingKey } from '../config/settings.ts';
import { UsageError } from '../errors.ts';
import type { CommandDefinition } from './commands/command.ts';
import type { CommandEntry } from './commands/index.ts';
import type { ColorWish } from './terminal.ts';

/** What the shell's own options say. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbosity: number;
  readonly color: ColorWish;
  readonly input: boolean;
  /** Of `--env-file`, in order; `false` = `--no-env-file`. */
  readonly envFiles: readonly string[] | false;
  /** Of `--account`, in order, each once. */
  readonly accounts: readonly string[];
  /** Of `--config`. */
  readonly config: string | undefined;
}

/** A command line that made sense. */
export interface Parsed {
  readonly args: readonly string[];
  /** The command's own options, by the names that commander gives them. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly globals: GlobalOptions;
  /** What was typed of the settings. */
  readonly flags: Readonly<Partial<Record<SettingKey, string | boolean>>>;
  /** What those are called that the command has renamed. */
  readonly flagNames: Readonly<Partial<Record<SettingKey, string>>>;
}

/** Help that was asked for: `text` belongs on standard output. */
export class HelpAsked extends Error {
  readonly text: string;

  constructor(text: string) {
    super('help was asked for');
    this.text = text;
  }
}

const collect = (value: string, earlier: readonly string[] = []) => [...earlier, value];

/** Reads the command line of one command. Throws UsageError, or HelpAsked. */
export function parseCommand(
  entry: CommandEntry,
  definition: CommandDefinition,
  argv: readonly string[],
  width: number | undefined,
): Parsed {
  const program = programOf(entry, definition, width);
  const dashes = definition.verbatim === true ? argv.indexOf('--') : -1;
  try {
    program.parse(dashes === -1 ? [...argv] : argv.slice(0, dashes), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.code === 'commander.helpDisplayed') {
      throw new HelpAsked(helpOf(entry, definition, width));
    }
    throw usageError(error, `mailtool ${entry.name} --help shows what it takes`);
  }
  const values: Readonly<Record<string, unknown>> = program.opts();
  const envFile = values['envFile'];
  const { account, config } = values;
  const flags: Partial<Record<SettingKey, string | boolean>> = {};
  const flagNames: Partial<Record<SettingKey, string>> = {};
  for (const { key, option } of settingOptions(definition)) {
    const value = values[option.attributeName()];
    if (typeof value === 'string' || value === true) flags[key] = value;
    if (definition.renames?.[key] !== undefined && option.long !== undefined) flagNames[key] = option.long;
  }
  return {
    args: program.args,
    options: dashes === -1 ? values : { ...values, verbatim: argv.slice(dashes + 1) },
    flags,
    flagNames,
    globals: {
      json: values['json'] === true,
      quiet: values['quiet'] === true,
      verbosity: Number(values['verbose'] ?? 0),
      color: colorWish(values['color']),
      input: values['input'] !== false,
      envFiles: envFile === false ? false : Array.isArray(envFile) ? envFile.map(String) : [],
      accounts: Array.isArray(account) ? [...new Set(account.map(String))] : [],
      config: config === undefined ? undefined : String(config),
    },
  };
}

/** The whole `--help` of a command. */
export function helpOf(
  entry: CommandEntry,
  definition: CommandDefinition,
  width: number | undefined,
): string {
  return programOf(entry, definition, width).helpInformation();
}

/** `mailtool --help`: every command with its summary, and the options that all have. */
export function fullHelp(commands: readonly CommandEntry[], width: number | undefined): string {
  const program = withGlobals(base('mailtool', width), true).usage('COMMAND [options] [arguments]');
  program.description(
    'A mail client for terminals, cron jobs and CI: sends through SMTP, receives through POP3.',
  );
  for (const { name, summary } of commands) program.command(name).description(summary);
  program.helpCommand(false);
  return (
    `${examples([
      'echo "Backup finished" | mailtool send -t ops@example.org -s "backup ok" -A backup.log',
      'mailtool list && mailtool show last && mailtool save last -d ~/Downloads',
      "mailtool sandbox -- sh -c 'echo hi | mailtool send -t me@test -s demo && mailtool list'   # needs no account",
    ])}` +
    `${program.helpInformation()}\nmailtool COMMAND --help explains a command; mailtool help exit-codes|env|json the rest.\n`
  );
}

function base(name: string, width: number | undefined): Command {
  return new Command(name)
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({
      writeOut: () => undefined,
      writeErr: () => undefined,
      outputError: () => undefined,
      // Or it would look at the process's own streams.
      getOutHelpWidth: () => width ?? 100,
      getErrHelpWidth: () => width ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ helpWidth: Math.min(width ?? 100, 120), showGlobalOptions: false });
}

function programOf(entry: CommandEntry, definition: CommandDefinition, width: number | undefined): Command {
  const program = base(`mailtool ${entry.name}`, width).description(entry.summary);
  program.configureHelp({
    helpWidth: Math.min(width ?? 100, 120),
    formatHelp: (command, helper) =>
      `${examples(definition.examples)}${Help.prototype.formatHelp.call(helper, command, helper)}${definition.notes === undefined ? '' : `\n${definition.notes}`}`,
  });
  definition.define?.(program);
  for (const { option } of settingOptions(definition)) program.addOption(option);
  return withGlobals(program, definition.connects !== undefined || definition.configured === true);
}

function examples(lines: readonly string[]): string {
  return `Examples:\n${lines.map((line) => `  ${line}\n`).join('')}\n`;
}

function withGlobals(program: Command, configured: boolean): Command {
  const options = [
    new Option('--json', 'print one JSON document, also after a failure'),
    new Option('-q, --quiet', 'say nothing but errors'),
    new Option('-v, --verbose', 'say each step; -vv: the whole dialogue, without secrets')
      .argParser((_: string, count: unknown) => Number(count ?? 0) + 1)
      .default(0, '0'),
    new Option('--color <when>', 'when to colour').choices(['auto', 'always', 'never']),
    new Option(
      '--env-file <file>',
      'read MAILTOOL_ variables from this file, not from ./.env (repeatable)',
    ).argParser(collect),
    new Option('--no-env-file', 'read no .env file'),
    new Option('--no-input', 'never ask anything'),
    ...(configured
      ? [
          new Option('-a, --account <name>', 'use this account of the configuration file').argParser(collect),
          new Option(
            '--config <file>',
            'read this configuration file, or none, in place of ~/.config/mailtool/config.toml',
          ),
        ]
      : []),
  ];
  const group = 'Global options:';
  for (const option of options) program.addOption(option.helpGroup(group));
  return program.addHelpOption(new Option('-h, --help', 'show this').helpGroup(group));
}

function settingOptions({
  connects,
  composes,
  signs,
  renames = {},
}: CommandDefinition): { key: SettingKey; option: Option }[] {
  const signing = signs === true ? (['dkim'] as const) : [];
  const wanted: SettingGroup[] =
    connects === undefined ? [] : [...connects, 'network', 'tls', ...signing, 'general'];
  if (composes === true) wanted.unshift('message');
  return wanted.flatMap((group) =>
    SETTINGS.flatMap((setting) => {
      const flag = renames[setting.key] ?? setting.flag;
      if (setting.group !== group || flag === undefined) return [];
      return [{ key: setting.key, option: new Option(flag, setting.about).helpGroup(SETTING_GROUPS[group]) }];
    }),
  );
}

function colorWish(value: unknown): ColorWish {
  return value === 'always' || value === 'never' ? value : 'auto';
}

/** Commander's complaint in our form; its "Did you mean" becomes the hint. */
function usageError(error: unknown, hint: string): unknown {
  if (!(error instanceof CommanderError)) return error;
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n');
  const near = /Did you mean (.*)\?/.exec(more.join(' '))?.[1];
  return new UsageError(first, { hint: near === undefined ? hint : `did you mean ${near}? ${hint}` });
}
