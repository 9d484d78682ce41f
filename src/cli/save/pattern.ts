import { UsageError } from '../../errors.ts';

/** No name that is looked at is longer. */
const LOOKED_AT = 4_096;

/**
 * What `--match` and `--type` mean, in any case: `*` and `?` stand for what they do in a shell, a text without them is found
 * anywhere, `/.../` is a regular expression. `UsageError` for one that cannot be read.
 */
export function patternOf(flag: string, pattern: string): (name: string) => boolean {
  if (pattern === '') throw new UsageError(`${flag} needs a pattern, such as *.pdf`);
  const expression = /^\/(.+)\/([isu]{0,3})$/s.exec(pattern);
  if (expression !== null) {
    try {
      const compiled = new RegExp(expression[1] ?? '', expression[2]);
      return (name) => compiled.test(name.slice(0, LOOKED_AT));
    } catch {
      throw new UsageError(`${flag} ${JSON.stringify(pattern)} is no regular expression`);
    }
  }
  const wanted = pattern.toLowerCase();
  if (!/[*?]/.test(wanted)) return (name) => name.slice(0, LOOKED_AT).toLowerCase().includes(wanted);
  return (name) => matches([...name.slice(0, LOOKED_AT).toLowerCase()], [...wanted]);
}

/** One pass with one step back: no pattern takes longer than name times pattern. */
function matches(name: readonly string[], pattern: readonly string[]): boolean {
  let star = -1;
  let resume = 0;
  let at = 0;
  let in_ = 0;
  while (at < name.length) {
    if (pattern[in_] === '*') {
      star = in_++;
      resume = at;
    } else if (in_ < pattern.length && (pattern[in_] === '?' || pattern[in_] === name[at])) {
      in_++;
      at++;
    } else if (star >= 0) {
      in_ = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[in_] === '*') in_++;
  return in_ === pattern.length;
}
