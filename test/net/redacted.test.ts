import { describe, expect, it } from 'vitest';
import { withoutChallenge } from '../../src/net/redacted.ts';

describe('a line with a SASL challenge in a transcript', () => {
  it.each([
    ['334 cnNwYXV0aD0wMTIz', '334 [redacted 16 bytes]'],
    ['334-two\r334 lines', '334-[redacted 13 bytes]'],
    ['+ dj1aZz09', '+ [redacted 8 bytes]'],
    ['334 ', '334 '],
    ['334', '334'],
    ['+ ', '+ '],
    ['+OK Logged in.', '+OK Logged in.'],
    ['-ERR + no', '-ERR + no'],
    ['235 2.7.0 334 ok', '235 2.7.0 334 ok'],
    ['535 5.7.8 no', '535 5.7.8 no'],
  ])('%j is shown as %j', (line, shown) => expect(withoutChallenge(line)).toBe(shown));
});
