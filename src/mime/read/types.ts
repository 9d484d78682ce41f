/** What a message says, for people, scripts and jobs. Nothing in it has been made safe for a terminal or a file name. */

/** Someone whom a message names; `address` is empty where there is only a name. */
export interface ReadAddress {
  readonly name: string;
  readonly address: string;
}

/** A text of the body, in the form in which it came, decoded. */
export interface ReadText {
  readonly source: 'plain' | 'html';
  readonly content: string;
}

/** A leaf of a message: a part that holds no others, or a message within the message. */
export interface ReadPart {
  /** `1`, `2.1`: numbered as in IMAP (RFC 9051 6.4.5.1). */
  readonly part: string;
  /** Decoded, as the message says: hostile. */
  readonly filename: string | null;
  /** In small letters. */
  readonly type: string;
  /** Any disposition but inline is an attachment (RFC 2183 2.8). */
  readonly disposition: 'attachment' | 'inline' | null;
  /** Without its angle brackets. */
  readonly contentId: string | null;
  /** As the part says, in small letters. */
  readonly charset: string | null;
  /** Octets, decoded. */
  readonly size: number;
  /** The octets, decoded. */
  readonly bytes: Uint8Array;
}

/** A message as it is read; broken parts of it are in `warnings`, in words. */
export interface ReadMessage {
  /** In order, unfolded, encoded words decoded. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly from: readonly ReadAddress[];
  readonly to: readonly ReadAddress[];
  readonly cc: readonly ReadAddress[];
  readonly bcc: readonly ReadAddress[];
  readonly replyTo: readonly ReadAddress[];
  readonly date: Date | null;
  readonly subject: string | null;
  /** With its angle brackets. */
  readonly messageId: string | null;
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  /** What a person reads: text/plain, or HTML turned to text; lines end in LF. Empty where there is none. */
  readonly text: string;
  readonly textSource: 'plain' | 'html' | 'none';
  /** What `text` was made of, in order. */
  readonly body: readonly ReadText[];
  /** The same with HTML wherever its author gave that: what a browser shows. */
  readonly page: readonly ReadText[];
  /** The HTML of the body, decoded, not sanitised. */
  readonly html: string | null;
  /** Of the HTML's anchors, then those in the plain text; each URL once, never javascript: or data:. */
  readonly links: readonly { readonly url: string; readonly text: string }[];
  /** Every leaf in order, those within messages of the message included. */
  readonly parts: readonly ReadPart[];
  /** Those of `parts` that are no text of the body, and in no other part: the octets of an attached message hold its own. */
  readonly attachments: readonly ReadPart[];
  readonly warnings: readonly string[];
}

/** How much of a message is looked at. What is beyond is left out, or left as one part, with a warning. */
export interface ReadLimits {
  /** Octets of a message. */
  readonly octets: number;
  /** Levels of parts. */
  readonly depth: number;
  readonly parts: number;
  /** Messages within messages. */
  readonly messages: number;
  /** Octets, decoded, that are read as the text of the body. */
  readonly text: number;
}

export const READ_LIMITS: ReadLimits = {
  octets: 64 * 1024 * 1024,
  depth: 100,
  parts: 10_000,
  messages: 10,
  text: 32 * 1024 * 1024,
};
