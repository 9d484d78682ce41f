import { decodeCharset } from './charset.ts';

/** The entities of HTML 4 (its sections 24.2 to 24.4), which are what mail uses; the first row begins at U+00A0. */
const LATIN_1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para ' +
  'middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute ' +
  'Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml ' +
  'Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ' +
  'ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml';
const OTHERS =
  'amp & lt < gt > quot " apos \' OElig Œ oelig œ Scaron Š scaron š Yuml Ÿ fnof ƒ circ ˆ tilde ˜ ensp \u2002 emsp \u2003 ' +
  'thinsp \u2009 zwnj \u200c zwj \u200d lrm \u200e rlm \u200f ndash – mdash — lsquo ‘ rsquo ’ sbquo ‚ ldquo “ rdquo ” bdquo „ ' +
  'dagger † Dagger ‡ bull • hellip … permil ‰ prime ′ Prime ″ lsaquo ‹ rsaquo › oline ‾ frasl ⁄ euro € trade ™ larr ← uarr ↑ ' +
  'rarr → darr ↓ harr ↔ crarr ↵ lArr ⇐ rArr ⇒ hArr ⇔ forall ∀ part ∂ exist ∃ empty ∅ nabla ∇ isin ∈ notin ∉ ni ∋ prod ∏ sum ∑ ' +
  'minus − lowast ∗ radic √ prop ∝ infin ∞ ang ∠ and ∧ or ∨ cap ∩ cup ∪ int ∫ there4 ∴ sim ∼ cong ≅ asymp ≈ ne ≠ equiv ≡ le ≤ ' +
  'ge ≥ sub ⊂ sup ⊃ nsub ⊄ sube ⊆ supe ⊇ oplus ⊕ otimes ⊗ perp ⊥ sdot ⋅ loz ◊ spades ♠ clubs ♣ hearts ♥ diams ♦ check ✓';
const GREEK =
  'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega';

let known: Map<string, string> | undefined;

function entities(): Map<string, string> {
  if (known !== undefined) return known;
  known = new Map(LATIN_1.split(' ').map((name, index) => [name, String.fromCharCode(0xa0 + index)]));
  const pairs = OTHERS.split(' ');
  for (let at = 0; at < pairs.length; at += 2) known.set(pairs[at] ?? '', pairs[at + 1] ?? '');
  for (const [index, name] of GREEK.split(' ').entries()) {
    known.set(name, String.fromCharCode(0x3b1 + index));
    if (name !== 'sigmaf')
      known.set(`${name.charAt(0).toUpperCase()}${name.slice(1)}`, String.fromCharCode(0x391 + index));
  }
  return known;
}

/** Text with its character references replaced. What names no character stays as it is. */
export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z][a-z\d]{1,30}));?/gi,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) {
        // Without its semicolon it may as well be part of a URL's query.
        if (!whole.endsWith(';') && !/^(?:amp|lt|gt|quot|nbsp)$/.test(name)) return whole;
        return entities().get(name) ?? whole;
      }
      return character(decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal));
    },
  );
}

/** Numbers from 128 to 159 are meant as in windows-1252, which is what they show as everywhere. */
function character(code: number): string {
  if (code >= 0x80 && code <= 0x9f) return decodeCharset(Uint8Array.of(code), 'windows-1252');
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? String.fromCodePoint(code) : '\ufffd';
}
