import { missing } from './asked.ts';
import type { Extension } from './extension.ts';

/** RFC 3030 2. It adds nothing to MAIL, but another way to transfer the message. */
export const chunking: Extension = {
  keyword: 'CHUNKING',
  problem: ({ chunking, binary }, offered) =>
    missing(
      chunking,
      offered,
      'CHUNKING',
      binary ? 'the message is binary and goes out in chunks' : 'chunks were asked for',
    ),
};

/** RFC 3030 3. Said only of messages that need it. */
export const binaryMime: Extension = {
  keyword: 'BINARYMIME',
  mail: ({ binary }) => (binary ? ['BODY=BINARYMIME'] : []),
  problem: ({ binary }, offered) => missing(binary, offered, 'BINARYMIME', 'the message is binary'),
};
