import { SETTING_GROUPS, SETTINGS, type SettingGroup } from '../../config/settings.ts';
import { UsageError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { EXIT, EXIT_MEANINGS } from '../exit.ts';
import { fullHelp } from '../program.ts';
import type { CommandDefinition } from './command.ts';
import { COMMANDS } from './index.ts';

const TOPICS: Readonly<Record<string, () => string>> = {
  'exit-codes': exitCodes,
  env,
  json,
  cron,
  ci,
};

export const command: CommandDefinition = {
  document: { topic: null, text: null },
  examples: ['mailtool help send', 'mailtool help exit-codes', 'mailtool help json list'],
  define: (program) =>
    program
      .argument('[topic]', `a command, or: ${Object.keys(TOPICS).join(', ')}`)
      .argument('[command]', 'after json: the JSON Schema of what this command prints with --json'),
  async run(ctx, [topic, of]) {
    const text = await textOn(ctx, topic, of);
    ctx.output.line(text);
    ctx.output.document({ topic: topic ?? null, text });
    return EXIT.done;
  },
};

async function textOn(ctx: Context, topic: string | undefined, of: string | undefined): Promise<string> {
  if (topic === undefined) return fullHelp(COMMANDS, ctx.io.stdout.columns).trimEnd();
  if (topic === 'json' && of !== undefined) {
    if (COMMANDS.every(({ name }) => name !== of)) throw new UsageError(`there is no command '${of}'`);
    const { schemaOf } = await import('../schema-file.ts');
    return schemaOf(of);
  }
  if (of !== undefined) throw new UsageError(`help on one thing at a time: '${of}' is one too many`);
  const text = Object.hasOwn(TOPICS, topic) ? TOPICS[topic] : undefined;
  if (text !== undefined) return text();
  throw new UsageError(`no help on '${topic}'`, {
    hint: `there is help on: ${[...COMMANDS.map(({ name }) => name), ...Object.keys(TOPICS)].join(', ')}`,
  });
}

function exitCodes(): string {
  const rows = EXIT_MEANINGS.map(([code, meaning]) => `${String(code).padStart(4)}  ${meaning}`);
  return ['Exit codes:', ...rows, '', 'Only 75 says that the same command can be run again as it is.'].join(
    '\n',
  );
}

function env(): string {
  const lines = [
    'Settings come from flags, then from the environment, then from --env-file FILE (or ./.env where there is none), then from',
    'the account of the configuration file: ~/.config/mailtool/config.toml, then /etc/mailtool/config.toml.',
    'In a ./.env only MAILTOOL_ names are read. A password or token is never sent to a server that a less trusted place names.',
  ];
  for (const [group, heading] of Object.entries(SETTING_GROUPS)) {
    const rows = SETTINGS.filter((setting) => setting.group === (group as SettingGroup));
    if (!rows.some(({ variable }) => variable !== undefined)) continue;
    lines.push('', heading);
    for (const { variable, about, choices } of rows) {
      if (variable === undefined) continue;
      lines.push(`  ${variable}`, `      ${about}${choices === undefined ? '' : ` (${choices.join('|')})`}`);
    }
  }
  lines.push(
    '',
    'Configuration:',
    '  MAILTOOL_ACCOUNT',
    '      the account, as -a; what other variables say of a server, a sender, TLS or DKIM is then left out',
    '  MAILTOOL_CONFIG',
    '      the configuration file, as --config, or none; refused from a ./.env that was only found',
  );
  lines.push(
    '',
    'Also looked at: XDG_CONFIG_HOME, XDG_STATE_HOME, NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE, TERM, CI.',
  );
  return lines.join('\n');
}

function json(): string {
  return [
    'With --json a command prints exactly one JSON document on standard output, whether it succeeds or fails:',
    '',
    '  {"schema":"mailtool.COMMAND/1","ok":true|false, ...,"warnings":[],"error":null}',
    '',
    'ok is true with exit code 0 only. After a failure error is:',
    '',
    '  {"code":"EAUTH","exit":77,"stage":"auth","message":"...","hint":"...","retryable":false,',
    '   "reply":{"code":535,"enhanced":"5.7.8","text":"..."}|null}',
    '',
    'Within /1 fields are added, never changed. Dates are ISO 8601 in UTC, sizes octets, collections always there.',
    'mailtool help json COMMAND prints the JSON Schema of it; the package has all of them: import "mailtool/schemas/list.schema.json".',
    '',
    'send   account status ("sent|partial|unknown|failed|skipped|dry-run") messageId envelope{from,to[]} accepted[{address,reply}]',
    '       rejected[{address,reply}] response queueId size tls{version,cipher,verified}|null auth timingsMs{...} copy outboxId(null)',
    '       confirmed{delayMs,uid,polls}|null;',
    '       with -n: commands[] raw{base64}, absent for more than 32 MB',
    'list   account total totalSize messages[{number,uid,size,date,from[],to[],subject,messageId,new}]',
    'retr   messages[{number,uid,size,sha256,path,raw}]; with --delete: committed (null: not known) deleted[number]; with -n: dryRun',
    'wait   matched[{number,uid,size,headers[{name,value}],from[],to[],cc[],replyTo[],date,subject,messageId,inReplyTo[],references[],',
    '       text,textSource("plain|html|none"),links[{url,text}],attachments[{part,filename,type,disposition,contentId,size,sha256}],',
    '       warnings[]}] link code waitedMs polls; with --delete: committed deleted[uid]; with -N a line {event("matched") ...} for each',
    '       before that',
    'show   number uid size headers[{name,value}] from[] to[] cc[] replyTo[] date subject messageId inReplyTo[] references[] text',
    '       textSource("plain|html|none") links[{url,text}] attachments[{part,filename,type,disposition,contentId,size,sha256}];',
    '       with --part: part{...,raw{base64}}; with --html: html; with --open: path',
    'save   saved[{number,uid,part,filename,path,type,size,sha256}]',
    'fetch  a line each {number uid size status("stored|duplicate|failed|skipped|would-fetch|would-delete") path reason error delete},',
    '       then account stored duplicates failed skipped deleted committed; with --check: new size; with -n: dryRun. Several',
    '       accounts: "account" in each line, such a line at the end of each, and one of the whole run: accounts[{account,ok,exit}]',
    '       and the sums',
    'stat   messages size',
    'uidl   messages[{number,uid}]',
    'top    messages[{number,uid,size,raw{base64}}]',
    'dele   committed deleted[{number,uid,size,subject}]; with -n: dryRun, and what would be deleted',
    'probe  protocol host port greeting capabilities[] plainCapabilities[] tls{...,certificate{sha256,pin,...},chain[{...}]}|null',
    '       mechanisms[] auth loginDelay expire languages[{tag,description}] timingsMs{...} unmet[]',
    'verify results[{address,status("ok|no|undisclosed|unknown"),reply{code,enhanced,text},members[]}]',
    'raw    protocol host port exchanges[{command,ok,reply{code,enhanced,text},text[],raw{base64}|null}]',
    'accounts accounts[{account,default,from,smtp{host,port,user}|null,pop3,error}]',
    'config explain: account settings[{key,value,layer,place}]; check: accounts[] problems[{account,message,hint}];',
    '       path: path files[{path,layer,found}]',
    'sandbox a line {event("ready"),environment{...}}, a line {event("message"),uid,from,to[],size,path} for each, then the end',
    'help   topic text',
  ].join('\n');
}

function cron(): string {
  return [
    'In cron: success is silent, so that cron mails trouble only. Use absolute paths; PATH is short there.',
    '',
    '  0 3 * * *  /srv/backup.sh 2>&1 | /usr/local/bin/mailtool send -E -t ops@example.org -s "backup"',
    '',
    '  */5 * * * *  /usr/local/bin/mailtool fetch --maildir ~/Mail --delete-after 7d',
    '',
    '-E sends nothing for an empty body. --deadline 2m bounds the run. Exit 75 alone says that the same command may be run',
    'again; after 79 look first: the message may have been delivered. Keep the password in a file that only you can read',
    '(MAILTOOL_SMTP_PASSWORD_FILE), or let a command print it (MAILTOOL_SMTP_PASSWORD_CMD).',
  ].join('\n');
}

function ci(): string {
  return [
    'In CI: give the secret as a masked variable, and never on a command line.',
    '',
    '  env: { MAILTOOL_SMTP_URL: "smtps://ci@smtp.example.org", MAILTOOL_SMTP_PASSWORD: THE-SECRET }',
    '  run: npx mailtool send -t team@example.org -s "$GITHUB_WORKFLOW failed" -m "see the log"',
    '',
    'Nothing is asked there (--no-input is implied by CI), everything has a deadline, --json gives one document. Runners often',
    'block port 25: use 465 or 587. To test mail without a server: mailtool sandbox -- COMMAND sets MAILTOOL_* and SMTP_HOST.',
    '',
    '  LINK=$(mailtool wait --to "$ADDR" --print link --timeout 90s)     # blocks until the mail is there; exit 1: it never came',
    '',
    'wait --gh-output NAME and --dotenv FILE hand the link or the code to later steps. No message is obeyed as a workflow command.',
  ].join('\n');
}
