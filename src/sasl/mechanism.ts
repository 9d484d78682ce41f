/** Who logs in, and the secret that proves it. Not every mechanism uses every part. */
export interface Credentials {
  /** The authentication identity. */
  readonly username: string;
  readonly password?: string | undefined;
  /** An OAuth 2 access token. */
  readonly token?: string | undefined;
  /** The authorization identity (RFC 4422 2), when it is not the one that logs in. */
  readonly authorizationId?: string | undefined;
}

/**
 * What a mechanism says, as a generator: it yields responses, is resumed with challenges, and *returns* its last response.
 * Returning it, in place of yielding it, tells the driver that all is said: a server that reports success earlier has not
 * proved itself. Yielding `undefined` first means that there is no initial response; an empty one is zero octets.
 */
export type Dialogue = Generator<Uint8Array | undefined, Uint8Array, Uint8Array>;

/** A SASL mechanism (RFC 4422). SMTP and POP3 share it: base64, `=` and `*` are the driver's business. */
export interface Mechanism {
  readonly name: string;
  /** The server, or whoever listens, learns the password itself: only under TLS, unless told otherwise. */
  readonly cleartext: boolean;
  start(credentials: Credentials): Dialogue;
}

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
