/** The commands that a runner of GitHub Actions would obey in this output. */
export function obeyed(output: string): string[] {
  let stopped: string | undefined;
  return output.split(/\r\n|\r|\n/).flatMap((line) => {
    const [, name, data] =
      /^\s*::([\w-]+)(?: [^:]*)?::(.*)$/s.exec(line) ?? /##\[([\w-]+)[^\]]*\](.*)$/s.exec(line) ?? [];
    if (stopped !== undefined) {
      if (name === stopped) stopped = undefined;
      return [];
    }
    if (name === 'stop-commands') stopped = data;
    else if (name !== undefined) return [`${name} ${data}`];
    return [];
  });
}

/** As an encoded word, so that it reaches the reader of the subject whole. */
export const encoded = (text: string) => `=?utf-8?b?${Buffer.from(text).toString('base64')}?=`;

/** Texts that a runner would obey. */
export const EVIL = [
  '::set-output name=x::y',
  '  ::add-path::/tmp',
  '\u00a0::add-path::/tmp',
  'a\n::set-output name=x::y',
  'a\r::set-output name=x::y',
  'a\u2028::set-output name=x::y',
  'a\u0085::set-output name=x::y',
  'see ##[add-path]/tmp',
  '::stop-commands::word',
  '::word::\n::add-path::/tmp',
  '%0A::add-path::/tmp',
];
