/**
 * Every way in which a secret may stand in a text. Base64 is the treacherous one: inside a longer string (a PLAIN response is
 * `\0user\0password`) the same bytes give one of three different texts, by their offset modulo three.
 */
export function formsOf(secret: string): ReadonlyMap<string, string> {
  const forms = new Map<string, string>();
  const utf8 = Buffer.from(secret, 'utf8');
  const encodings: [string, Buffer][] = [['', utf8]];
  const utf16 = Buffer.from(secret, 'utf16le');
  encodings.push(['UTF-16 ', utf16]);
  forms.set('as it is', secret);
  forms.set('read as Latin-1', utf8.toString('latin1'));
  forms.set('escaped for JSON', JSON.stringify(secret).slice(1, -1));
  forms.set('twice escaped for JSON', JSON.stringify(JSON.stringify(secret)).slice(3, -3));
  forms.set('in a URL', encodeURIComponent(secret));
  forms.set('in hexadecimal', utf8.toString('hex'));
  forms.set(
    'quoted-printable',
    [...utf8].map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  for (const [name, bytes] of encodings) {
    for (const offset of [0, 1, 2]) {
      const text = alignedBase64(bytes, offset);
      forms.set(`${name}base64 at offset ${offset}`, text);
      forms.set(`${name}base64url at offset ${offset}`, text.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }
  return forms;
}

/** The base64 characters that `bytes` alone decide when `offset` other octets stand before them, whatever follows. */
function alignedBase64(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes, Buffer.alloc(3)]).toString('base64');
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

/** The names of the forms of `secret` that `text` has in it, also where lines were broken or base64 was applied twice. */
export function leaks(text: string, secret: string): string[] {
  const joined = text.replace(/\s+/g, '');
  const found: string[] = [];
  for (const [name, form] of formsOf(secret)) {
    if (text.includes(form) || joined.includes(form.replace(/\s+/g, ''))) found.push(name);
  }
  // What stands there in base64 for any other reason is opened and read too.
  for (const [token] of text.matchAll(/[A-Za-z0-9+/_-]{8,}={0,2}/g)) {
    const opened = Buffer.from(token, 'base64').toString('latin1');
    const inner = Buffer.from(secret, 'utf8').toString('latin1');
    if (opened.includes(inner)) found.push(`inside ${token}`);
    if (Buffer.from(opened, 'base64').toString('latin1').includes(inner))
      found.push(`twice encoded in ${token}`);
  }
  return found;
}

/** The HMAC-MD5 responses (hexadecimal, or in base64) in `text`: with the challenge beside them a password can be guessed offline. */
export function digestsIn(text: string): string[] {
  const digest = /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/g;
  const found = [...text.matchAll(digest)].map(([each]) => each);
  for (const [token] of text.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)) {
    const opened = Buffer.from(token, 'base64').toString('latin1');
    found.push(...[...opened.matchAll(digest)].map(([each]) => `${each} in ${token}`));
  }
  return found;
}
