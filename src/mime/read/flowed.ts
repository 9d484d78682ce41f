/** Text whose paragraphs were cut into lines by the writer's program (RFC 3676), with each paragraph on one line again. */
export function unflow(text: string, delSp: boolean): string {
  const out: string[] = [];
  let paragraph: string[] = [];
  let depth = 0;
  const finish = () => {
    if (paragraph.length === 0) return;
    out.push(`${depth === 0 ? '' : `${'>'.repeat(depth)} `}${paragraph.join('')}`);
    paragraph = [];
  };
  for (const line of text.split('\n')) {
    const quoted = quoteDepth(line);
    // Whatever begins with a blank, a quote mark or "From " was given another blank.
    const content = line[quoted] === ' ' ? line.slice(quoted + 1) : line.slice(quoted);
    const isSignature = content === '-- ';
    if (quoted !== depth || isSignature) finish();
    depth = quoted;
    const flows = content.endsWith(' ') && !isSignature;
    paragraph.push(flows && delSp ? content.slice(0, -1) : content);
    if (!flows) finish();
  }
  finish();
  return out.join('\n');
}

function quoteDepth(line: string): number {
  let depth = 0;
  while (line[depth] === '>') depth++;
  return depth;
}
