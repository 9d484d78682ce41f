/** One line of what was said on a connection: `C` by us, `S` by the server, `*` an event such as the TLS handshake. */
export interface TranscriptEntry {
  /** Milliseconds since the transcript began. */
  readonly elapsedMs: number;
  readonly direction: 'C' | 'S' | '*';
  /** Whether TLS protected the line. */
  readonly tls: boolean;
  /** One line without its ending, as received: to be escaped before a terminal sees it. */
  readonly text: string;
}

/** Shorter values would blot out half of every line and protect nothing. */
const SHORTEST_HIDDEN = 3;

/**
 * The record of a connection, into which secrets never go. They are kept out twice: whoever makes a command with a secret
 * gives the form to show beside the form to send, and every known secret is blotted out by value wherever it turns up, so
 * that a server which echoes it is covered too.
 */
export class Transcript {
  readonly #sink: (entry: TranscriptEntry) => void;
  readonly #started = performance.now();
  readonly #hidden = new Set<string>();
  /** Base64 of a secret within a longer text: its neighbours give bits of it away, so the whole run of digits goes. */
  readonly #runs: RegExp[] = [];

  constructor(sink: (entry: TranscriptEntry) => void) {
    this.#sink = sink;
  }

  /** From now on `secret` is replaced wherever it appears: plain, in base64 at any alignment, in hexadecimal and in a URL. */
  hide(secret: string): void {
    if (secret.length < SHORTEST_HIDDEN) return;
    const { plain, base64 } = secretForms(secret);
    for (const form of plain) this.#hidden.add(form);
    for (const core of base64) {
      this.#runs.push(new RegExp(`[A-Za-z0-9+/]*${core.replace(/[+/]/g, '\\$&')}[A-Za-z0-9+/]*={0,2}`, 'g'));
    }
  }

  note(direction: TranscriptEntry['direction'], text: string, tls: boolean): void {
    this.#sink({ elapsedMs: performance.now() - this.#started, direction, tls, text: this.redact(text) });
  }

  /** `text` without any secret that this transcript was told of. */
  redact(text: string): string {
    let shown = text;
    for (const run of this.#runs) shown = shown.replace(run, '[redacted]');
    for (const form of this.#hidden) {
      if (shown.includes(form)) shown = shown.replaceAll(form, '[redacted]');
    }
    return shown;
  }
}

/**
 * The shapes in which a secret can appear in a line. Base64 of a longer text shows a secret differently at each of three
 * alignments; of those the digits that depend on the neighbours are cut off.
 */
function secretForms(secret: string): { readonly plain: Set<string>; readonly base64: Set<string> } {
  const bytes = Buffer.from(secret, 'utf8');
  const plain = new Set([
    secret,
    encodeURIComponent(secret),
    bytes.toString('hex'),
    bytes.toString('latin1'),
  ]);
  plain.add(bytes.toString('base64'));
  const base64 = new Set<string>();
  for (let before = 0; before < 3; before++) {
    const digits = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const skipped = Math.ceil((before * 4) / 3);
    const settled = Math.floor(((before + bytes.length) * 8) / 6);
    const core = digits.slice(skipped, settled);
    if (core.length > SHORTEST_HIDDEN) base64.add(core);
  }
  return { plain, base64 };
}
