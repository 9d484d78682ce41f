import { htmlTokens } from '../../mime/html-tokens.ts';

/** No page nests deeper on purpose; what is deeper comes without its tags. */
const DEPTH_LIMIT = 100;
const VOID = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '));
/** What the start of an element ends, when that was left open: the nearest of these, if no `within` is nearer. */
const ENDS: Readonly<
  Record<string, { readonly ends: readonly string[]; readonly within: readonly string[] }>
> = {
  li: { ends: ['li'], within: ['ul', 'ol'] },
  dt: { ends: ['dt', 'dd'], within: ['dl'] },
  dd: { ends: ['dt', 'dd'], within: ['dl'] },
  td: { ends: ['td', 'th'], within: ['tr', 'table'] },
  th: { ends: ['td', 'th'], within: ['tr', 'table'] },
  tr: { ends: ['tr'], within: ['table'] },
  tbody: { ends: ['tbody', 'thead', 'tfoot'], within: ['table'] },
  tfoot: { ends: ['tbody', 'thead', 'tfoot'], within: ['table'] },
  a: { ends: ['a'], within: ['td', 'th', 'table'] },
  ...Object.fromEntries(
    'p div h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre hr section article header footer center'
      .split(' ')
      .map((name) => [name, { ends: ['p'], within: ['td', 'th', 'table', 'div', 'blockquote', 'li'] }]),
  ),
};

/**
 * The same page in tidy markup: every element ends where it should, text holds no brackets, nothing is nested deeply. Readers of
 * HTML differ, and get slow, where it is not so. Takes time in proportion to the length.
 */
export function tidied(html: string): string {
  const out: string[] = [];
  const open: string[] = [];
  const closeTo = (at: number) => {
    while (open.length > at) out.push(`</${open.pop()}>`);
  };
  for (const token of htmlTokens(html)) {
    if (token.kind === 'text') {
      out.push(escaped(token.text));
      continue;
    }
    const { name } = token;
    if (!/^[a-z][a-z\d]{0,20}$/.test(name)) continue;
    if (token.kind === 'close') {
      const at = open.lastIndexOf(name);
      if (at !== -1) closeTo(at);
      continue;
    }
    const isVoid = VOID.has(name);
    if (!isVoid && open.length >= DEPTH_LIMIT) continue;
    const rule = Object.hasOwn(ENDS, name) ? ENDS[name] : undefined;
    if (rule !== undefined) {
      const at = open.findLastIndex((each) => rule.ends.includes(each) || rule.within.includes(each));
      if (at !== -1 && rule.ends.includes(open[at] ?? '')) closeTo(at);
    }
    const attributes = token.attributes
      .filter((each) => /^[a-z][a-z\d-]{0,40}$/.test(each.name))
      .map((each) => ` ${each.name}="${escaped(each.value)}"`);
    out.push(`<${name}${attributes.join('')}>`);
    if (!isVoid) open.push(name);
  }
  closeTo(0);
  return out.join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it stands in a page, or in the quotes of an attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
