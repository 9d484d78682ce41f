import { type Account, type Protocol, type Settings, serverAccount } from '../../config/index.ts';
import { type PeerCertificate, TlsError, UsageError } from '../../errors.ts';
import type { TlsInfo } from '../../net/tls.ts';
import { placeOf, smtpClient, wayTo } from '../connection.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { pop3Client, tellLanguage } from '../pop3-connection.ts';
import {
  capabilityLines,
  certificateFields,
  certificateRows,
  daysLeft,
  issuerRow,
  tlsFields,
} from '../probe/describe.ts';
import { type Expectation, isMet, parseExpectations } from '../probe/expectations.ts';
import { type Language, languageRow, languagesOf } from '../probe/languages.ts';
import { policyFields, policyRows } from '../probe/policy.ts';
import { settingsFor } from '../server-argument.ts';
import type { CommandDefinition } from './command.ts';

interface Options {
  readonly login?: true;
  readonly expect?: string;
  readonly minCertDays?: string;
}

const NOTHING_FOUND = {
  protocol: null,
  host: null,
  port: null,
  greeting: null,
  capabilities: [],
  plainCapabilities: [],
  tls: null,
  mechanisms: [],
  loginDelay: null,
  expire: null,
  languages: [],
  auth: null,
  timingsMs: {},
  unmet: [],
} as const;

export const command: CommandDefinition<Options> = {
  connects: ['smtp', 'pop3'],
  document: NOTHING_FOUND,
  examples: [
    'mailtool probe smtp mail.example.org:587',
    'mailtool probe pop3 --login',
    "mailtool probe smtp mx.example.org --expect 'STARTTLS,SIZE>=25M' --min-cert-days 14 || echo alert",
  ],
  notes:
    'Without HOST the server of the settings is asked. Nothing is sent, and without --login nobody logs in.\n',
  define: (program) =>
    program
      .argument('<protocol>', 'smtp or pop3')
      .argument('[host[:port]]', 'the server to ask')
      .option('--login', 'log in as well, as the settings say')
      .option('--expect <list>', 'exit 1 unless all of this is offered: STARTTLS,AUTH=PLAIN,SIZE>=25M')
      .option('--min-cert-days <days>', 'exit 1 unless the certificate is valid for so many days'),
  async run(ctx, [protocol, host], options) {
    if (protocol !== 'smtp' && protocol !== 'pop3') {
      throw new UsageError(`probe ${protocol ?? ''}: the protocol is smtp or pop3`);
    }
    const expected = parseExpectations(options.expect ?? '');
    const minimum = days(options.minCertDays);
    const settings = await settingsFor(ctx, protocol, host);
    const account = serverAccount(settings, protocol, { login: options.login === true });
    ctx.output.document({ protocol, host: account.host, port: account.port });
    const findings = await probe(ctx, account, settings);
    report(ctx, account, findings);
    return judge(ctx, findings, expected, minimum);
  },
};

interface Findings {
  readonly greeting: string;
  readonly tls: TlsInfo | undefined;
  readonly chain: readonly PeerCertificate[];
  readonly capabilities: ReadonlyMap<string, string>;
  /** Before STARTTLS or STLS, where that took place. */
  readonly plainCapabilities: ReadonlyMap<string, string> | undefined;
  /** Before the log-in, where that took place and they were asked for again. */
  readonly openCapabilities: ReadonlyMap<string, string> | undefined;
  readonly languages: readonly Language[];
  readonly mechanism: string | undefined;
  readonly timingsMs: object;
}

async function probe(ctx: Context, account: Account, settings: Settings): Promise<Findings> {
  const options = await ctx.clientOptions(account);
  ctx.output.verbose(`connecting to ${wayTo(account)}`);
  try {
    const client =
      account.protocol === 'smtp'
        ? await smtpClient({ ...options, ehlo: settings.text('ehlo') })
        : await pop3Client({ ...options, language: settings.text('pop3.lang') });
    const { greeting, tls, capabilities, plainCapabilities, mechanism, timingsMs } = client;
    const chain = client.certificateChain;
    const openCapabilities = 'openCapabilities' in client ? client.openCapabilities : undefined;
    if ('languageProblem' in client) tellLanguage(ctx, client);
    const languages = 'languages' in client ? await languagesOf(ctx, client) : [];
    await client.quit();
    return {
      greeting,
      tls,
      chain,
      capabilities,
      plainCapabilities,
      openCapabilities,
      languages,
      mechanism,
      timingsMs,
    };
  } catch (error) {
    if (error instanceof TlsError && error.certificate !== undefined) {
      const { certificate } = error;
      ctx.output.document({
        tls: {
          version: null,
          cipher: null,
          verified: false,
          certificate: certificateFields(certificate),
          chain: [],
        },
      });
      rows(ctx, certificateRows(certificate));
    }
    throw error;
  }
}

function mechanismsOf(protocol: Protocol, capabilities: ReadonlyMap<string, string>): string[] {
  const parameters = capabilities.get(protocol === 'smtp' ? 'AUTH' : 'SASL') ?? '';
  return parameters.split(/\s+/).filter((word) => word !== '');
}

function report(ctx: Context, { protocol, host, port }: Account, findings: Findings): void {
  const { greeting, tls, chain, capabilities, plainCapabilities, openCapabilities, mechanism, timingsMs } =
    findings;
  const mechanisms = mechanismsOf(protocol, openCapabilities ?? capabilities);
  const timings = Object.entries(timingsMs).map(
    ([step, ms]) => [step, Math.round(Number(ms) * 10) / 10] as const,
  );
  ctx.output.document({
    greeting,
    capabilities: capabilityLines(capabilities),
    plainCapabilities: capabilityLines(plainCapabilities ?? new Map()),
    tls: tlsFields(tls, chain),
    mechanisms,
    ...policyFields(protocol, capabilities),
    languages: findings.languages,
    auth: mechanism ?? null,
    timingsMs: Object.fromEntries(timings),
  });
  rows(ctx, [
    ['server', `${placeOf({ host, port })} (${protocol.toUpperCase()})`],
    ['greeting', greeting],
    [
      'TLS',
      tls === undefined ? 'none' : `${tls.version}, ${tls.cipher}${tls.verified ? '' : ', NOT VERIFIED'}`,
    ],
    ...(tls?.certificate === undefined ? [] : certificateRows(tls.certificate)),
    ...chain.slice(1).map(issuerRow),
    ...(plainCapabilities === undefined
      ? []
      : [['before TLS', capabilityLines(plainCapabilities).join(', ')] as const]),
    ['offers', capabilityLines(capabilities).join(', ') || 'nothing'],
    ['mechanisms', mechanisms.join(', ') || 'none'],
    ...languageRow(findings.languages),
    ...(protocol === 'pop3' ? policyRows(capabilities, mechanism !== undefined) : []),
    ...(mechanism === undefined ? [] : [['log-in', `accepted (${mechanism})`] as const]),
    ['took', timings.map(([step, ms]) => `${step} ${ms} ms`).join(', ')],
  ]);
}

function rows(ctx: Context, all: readonly (readonly [label: string, text: string])[]): void {
  // A name that a server gives must not begin a line of its own.
  for (const [label, text] of all) ctx.output.line(`${label.padEnd(12)}${text.replaceAll(/[\r\n\t]/g, ' ')}`);
}

function judge(
  { output }: Context,
  { tls, capabilities, plainCapabilities, openCapabilities }: Findings,
  expected: readonly Expectation[],
  minimum: number | undefined,
): number {
  const offers = { plain: plainCapabilities, open: openCapabilities, final: capabilities };
  const unmet = expected.filter((expectation) => !isMet(expectation, offers)).map(({ text }) => text);
  const certificate = tls?.certificate;
  if (minimum !== undefined && (certificate === undefined || daysLeft(certificate) < minimum)) {
    unmet.push(certificate === undefined ? 'certificate' : `${minimum} days of certificate`);
  }
  if (unmet.length === 0) return EXIT.done;
  output.document({ unmet });
  output.error(
    `not as expected, there is no ${unmet.join(', no ')}`,
    'what the server offers is listed above',
  );
  return EXIT.no;
}

function days(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text))
    throw new UsageError(`--min-cert-days ${JSON.stringify(text)} is no number of days`);
  return Number(text);
}
