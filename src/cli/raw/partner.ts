import type { ReplyDetail } from '../../errors.ts';
import type { Pop3Client } from '../../pop3/index.ts';
import type { SmtpClient } from '../../smtp/index.ts';

/** A command line that may go out on its own. */
export interface Checked {
  /** In capitals. */
  readonly keyword: string;
  /** Without secrets. */
  readonly shown: string;
  /** What has to be kept out of everything that is printed. */
  readonly secret: string | undefined;
}

export interface Answer {
  readonly ok: boolean;
  /** As the server wrote them. */
  readonly lines: readonly string[];
  readonly reply: ReplyDetail;
  readonly block: AsyncIterable<Uint8Array> | undefined;
  /** The server hears nothing more. */
  readonly isLast: boolean;
}

/** One protocol, as far as a conversation of typed commands needs it. */
export interface Partner {
  /** UsageError for what cannot go out on its own. */
  check(line: string): Checked;
  ask(client: SmtpClient | Pop3Client, line: string): Promise<Answer>;
}

export async function smtpPartner(): Promise<Partner> {
  const { detailOf, SmtpClient } = await import('../../smtp/index.ts');
  const { rawKeyword } = await import('../../smtp/raw.ts');
  return {
    check: (line) => ({ keyword: rawKeyword(line), shown: line, secret: undefined }),
    async ask(client, line) {
      if (!(client instanceof SmtpClient)) throw new TypeError('not an SMTP client');
      const reply = await client.raw(line);
      const { code, lines } = reply;
      return {
        ok: code < 400,
        lines: lines.map((text, at) => `${code}${at < lines.length - 1 ? '-' : ' '}${text}`.trimEnd()),
        reply: detailOf(reply),
        block: undefined,
        isLast: code === 421,
      };
    },
  };
}

export async function pop3Partner(): Promise<Partner> {
  const { Pop3Client, rawCommand } = await import('../../pop3/index.ts');
  return {
    check: (line) => rawCommand(line),
    async ask(client, line) {
      if (!(client instanceof Pop3Client)) throw new TypeError('not a POP3 client');
      const { ok, line: status, reply, block } = await client.raw(line);
      return { ok, lines: [status], reply, block, isLast: false };
    },
  };
}
