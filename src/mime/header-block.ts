/** The octets of a header block, field by field, for changing some of them and leaving the others as they are. */

/** One field with its continuation lines, or a line that is none (its name is empty). */
interface FieldOctets {
  /** In small letters. */
  readonly name: string;
  readonly octets: Buffer;
}

/** A header block without its blank line, its lines ended by LF or CRLF, as fields that make it up. */
function fieldOctets(head: Buffer): FieldOctets[] {
  const fields: { name: string; from: number; to: number }[] = [];
  for (let at = 0; at < head.length; ) {
    const end = head.indexOf(0x0a, at) + 1 || head.length;
    const last = fields.at(-1);
    if (last !== undefined && (head[at] === 0x20 || head[at] === 0x09)) last.to = end;
    else fields.push({ name: nameOf(head.subarray(at, end)), from: at, to: end });
    at = end;
  }
  return fields.map(({ name, from, to }) => ({ name, octets: head.subarray(from, to) }));
}

function nameOf(line: Buffer): string {
  const colon = line.indexOf(0x3a);
  return colon === -1 ? '' : line.subarray(0, colon).toString('latin1').trimEnd().toLowerCase();
}

/** Fields that are for the sender's own machine only (RFC 5322 3.6.3). */
const HIDDEN = new Set(['bcc', 'resent-bcc']);

/** The block without the fields that no recipient is to see; the same object where there are none. */
export function withoutHidden(head: Buffer): Buffer {
  const fields = fieldOctets(head);
  const kept = fields.filter(({ name }) => !HIDDEN.has(name));
  return kept.length === fields.length ? head : Buffer.concat(kept.map(({ octets }) => octets));
}

/**
 * The block with that Content-Transfer-Encoding: where the first one stood, else at the end. `inMime` adds MIME-Version
 * where it is missing, without which the encoding would mean nothing (RFC 2045 4).
 */
export function relabelled(head: Buffer, encoding: string, inMime: boolean): Buffer {
  const label = Buffer.from(`Content-Transfer-Encoding: ${encoding}\r\n`, 'latin1');
  const fields = fieldOctets(head);
  const lines: Buffer[] = [];
  let labelled = false;
  for (const { name, octets } of fields) {
    if (name !== 'content-transfer-encoding') lines.push(octets);
    else if (!labelled) lines.push(label);
    labelled ||= name === 'content-transfer-encoding';
  }
  if (inMime && !fields.some(({ name }) => name === 'mime-version'))
    lines.push(Buffer.from('MIME-Version: 1.0\r\n', 'latin1'));
  if (!labelled) lines.push(label);
  return Buffer.concat(lines);
}
