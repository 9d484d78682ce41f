import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '..', 'src');

/** Which area may import which; `errors` is everybody's. Nothing imports `cli`. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  codec: [],
  net: ['codec'],
  sasl: ['codec'],
  smtp: ['net', 'sasl', 'codec'],
  pop3: ['net', 'sasl', 'codec'],
  mime: ['codec'],
  store: [],
  config: [],
  sandbox: ['codec'],
  index: ['codec', 'net', 'sasl', 'smtp', 'pop3', 'mime', 'store', 'config'],
  cli: ['codec', 'net', 'sasl', 'smtp', 'pop3', 'mime', 'store', 'config', 'sandbox'],
};
const SOCKETS = ['node:net', 'node:tls', 'node:dgram', 'node:http', 'node:https'];

const areaOf = (path: string) => path.replace(/\.ts$/, '').split('/')[0] ?? '';

/** What is wrong with the imports and globals of one file; `path` is relative to src/. */
function complaints(path: string, source: string): string[] {
  const area = areaOf(path);
  const allowed = MAY_IMPORT[area];
  if (allowed === undefined) return [`${path}: ${area} is not an area`];
  const found: string[] = [];
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  for (const [, specifier = ''] of code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)) {
    if (specifier.startsWith('.')) {
      const resolved = relative(SRC, join(SRC, path, '..', specifier));
      if (area === 'cli' && resolved === '../package.json') continue;
      const target = areaOf(resolved);
      if (target !== area && target !== 'errors' && !allowed.includes(target))
        found.push(`${path} imports ${target}`);
    } else if (SOCKETS.includes(specifier) && area !== 'net' && area !== 'sandbox') {
      found.push(`${path} names ${specifier}`);
    } else if (specifier === 'chalk' && area !== 'cli') {
      found.push(`${path} uses chalk`);
    }
  }
  if (area !== 'cli' && /(?<![.\w'])(?:process|console)\s*[.[]/.test(code))
    found.push(`${path} uses process or console`);
  return found;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

test('every file keeps to its layer', () => {
  expect(files.length).toBeGreaterThan(20);
  expect(files.flatMap((name) => complaints(name, readFileSync(join(SRC, name), 'utf8')))).toEqual([]);
});

describe('a planted import is found', () => {
  test.each([
    ['smtp/client.ts', "import { Pop3Client } from '../pop3/client.ts';", 'smtp/client.ts imports pop3'],
    ['codec/dots.ts', "import { Connection } from '../net/connection.ts';", 'codec/dots.ts imports net'],
    ['sandbox/pop3.ts', "export { VERBS } from '../pop3/session.ts';", 'sandbox/pop3.ts imports pop3'],
    ['mime/compose.ts', "const cli = await import('../cli/main.ts');", 'mime/compose.ts imports cli'],
    ['pop3/client.ts', "import { connect } from 'node:tls';", 'pop3/client.ts names node:tls'],
    ['net/dial.ts', "if (process.env['X']) console.log(1);", 'net/dial.ts uses process or console'],
    ['mime/x.ts', "import chalk from 'chalk';", 'mime/x.ts uses chalk'],
    ['utils/x.ts', '', 'utils/x.ts: utils is not an area'],
  ])('in %s', (path, source, complaint) => {
    expect(complaints(path, source)).toEqual([complaint]);
  });
});
