import { Buffer } from 'node:buffer';

/** One pixel, as a PNG. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export interface TestPart {
  readonly type: string;
  /** As it stands in the header, without quotes. */
  readonly filename?: string;
  readonly disposition?: string;
  readonly contentId?: string;
  readonly content: string | Uint8Array;
}

/** RFC 2231: any text as the value of a parameter. */
export function extended(text: string): string {
  return [...Buffer.from(text, 'utf8')].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('');
}

/** A multipart/mixed message of these parts. */
export function message(fields: readonly string[], ...parts: readonly TestPart[]): string {
  const bodies = parts.map(({ type, filename, disposition, contentId, content }) => {
    const name = filename === undefined ? '' : `; filename*=utf-8''${extended(filename)}`;
    const placed = disposition ?? (filename === undefined ? undefined : 'attachment');
    return [
      '--b',
      `Content-Type: ${type}`,
      'Content-Transfer-Encoding: base64',
      ...(placed === undefined ? [] : [`Content-Disposition: ${placed}${name}`]),
      ...(contentId === undefined ? [] : [`Content-ID: <${contentId}>`]),
      '',
      Buffer.from(content as Uint8Array)
        .toString('base64')
        .replace(/.{76}/g, '$&\r\n'),
    ].join('\r\n');
  });
  return [
    ...fields,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    ...bodies,
    '--b--',
    '',
  ].join('\r\n');
}

export const FIELDS = [
  'From: Ann <ann@example.org>',
  'To: bob@example.org, Carl <carl@example.org>',
  'Date: Sat, 21 Nov 2026 07:16:35 +0100',
  'Subject: Figures',
  'X-Other: =?utf-8?q?caf=C3=A9?=',
];

/** What a terminal would obey, or be fooled by. */
export const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
/** One of each: a title, a colour, C1, a bell, an override, NUL, DEL. */
export const HOSTILE = '\x1b]0;owned\x07\x1b[31m\x9b32m\u202egpj\u2066\0\x7f\b\r!';
