import { UsageError } from '../../errors.ts';

/** No command of either protocol is longer. */
const LINE_LIMIT = 2_048;

/** The lines of a stream as they come, without their ends and without blank ones. UsageError where one has no end in sight. */
export async function* commandLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of source) {
    const lines = (held + decoder.decode(chunk, { stream: true })).split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) yield* checked(line);
    if (held.length > LINE_LIMIT) yield* checked(held);
  }
  yield* checked(held + decoder.decode());
}

function* checked(text: string): Generator<string, void, void> {
  const line = text.endsWith('\r') ? text.slice(0, -1) : text;
  if (line.length > LINE_LIMIT) throw new UsageError(`a line of more than ${LINE_LIMIT} characters`);
  if (line.trim() !== '') yield line;
}
