/** What file systems take for one name, in octets. */
const NAME_LIMIT = 255;
/** An ending that is longer is no ending. */
const ENDING_LIMIT = 24;

// Controls, direction marks and overrides, what has no width or no meaning, and lone surrogates: all that makes a name look
// like another. The two joiners are parts of words and of emoji.
const INVISIBLE =
  /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}|\u034f|\u17b4|\u17b5|[\u115f\u1160\u3164\uffa0\ufffc\ufffd]/gu;
/** What Windows does not take in a name. */
const RESERVED = /[<>:"|?*]/g;
/** Devices of Windows, whatever ending they have. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[\d\u00b9\u00b2\u00b3])[ ]*(?:\.|$)/i;

/**
 * A name for a file made of what a message calls a part: one path component that every system takes and that looks like what it
 * is. It keeps its ending; empty when nothing is left.
 */
export function safeName(filename: string): string {
  const last = filename.slice(Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\')) + 1);
  const isLong = last.length > 4 * NAME_LIMIT;
  const shown = (isLong ? last.slice(0, 2 * NAME_LIMIT) + last.slice(-NAME_LIMIT) : last)
    .normalize('NFC')
    .replace(INVISIBLE, '')
    .replace(/\s/g, ' ')
    .replace(RESERVED, '_')
    .replace(/^[\s.-]+/, '')
    .trimEnd();
  const whole = withoutTail(shown);
  return limited(DEVICE.test(whole) ? `_${whole}` : whole, '');
}

/** The name for a part without one: `part-2.pdf`. */
export function nameByType(part: string, ending: string | null): string {
  const safe = ending !== null && /^[a-z0-9]{1,10}$/.test(ending) ? `.${ending}` : '';
  return `part-${part.replace(/[^\d.]/g, '').slice(0, 60)}${safe}`;
}

/** The same name with a number, for when it is taken: `report-2.pdf`. */
export function numberedName(name: string, number: number): string {
  return limited(name, `-${number}`);
}

/** `name` with `mark` before its ending, in no more octets than a name may have. */
function limited(name: string, mark: string): string {
  const dot = name.lastIndexOf('.');
  const ending = dot > 0 && Buffer.byteLength(name.slice(dot)) <= ENDING_LIMIT ? name.slice(dot) : '';
  const room = NAME_LIMIT - Buffer.byteLength(mark) - Buffer.byteLength(ending);
  return `${begin(name.slice(0, name.length - ending.length), room)}${mark}${ending}`;
}

/** As many whole characters as fit. */
function begin(text: string, octets: number): string {
  if (Buffer.byteLength(text) <= octets) return text;
  let taken = '';
  let room = octets;
  for (const character of text) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    taken += character;
  }
  return withoutTail(taken);
}

/** Windows drops dots and blanks at the end of a name. */
function withoutTail(name: string): string {
  let end = name.length;
  while (end > 0 && '. '.includes(name.charAt(end - 1))) end--;
  return name.slice(0, end);
}
