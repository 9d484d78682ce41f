import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compose } from '../../src/mime/compose.ts';
import { collect } from '../feeds.ts';
import { fixed } from './drafts.ts';
import { LETTERS } from './letters.ts';

/** Set, the files are written anew: to be read by a person before they are believed. */
const REWRITES = process.env['MAILTOOL_REWRITE_GOLDEN'] !== undefined;

describe('octet for octet as it was found right', () => {
  it.each(Object.entries(LETTERS))('%s', async (name, draft) => {
    const octets = await collect(await compose(draft, fixed()));
    const path = join(import.meta.dirname, `../fixtures/golden/${name}.eml`);
    if (REWRITES) writeFileSync(path, octets);
    expect(octets.toString('latin1')).toBe(readFileSync(path, 'latin1'));
    const lines = octets.toString('latin1').split('\r\n');
    for (const line of lines) expect(line).toMatch(/^[\t\x20-\x7e]{0,998}$/);
    const header = lines.slice(0, lines.indexOf(''));
    for (const line of header) expect(line.length).toBeLessThanOrEqual(78);
  });
});
