// Builds dist/: the library (JavaScript and types, by tsc) and the command (CommonJS, by esbuild).
//
// A cron tool is mostly start-up. One file spares the look-ups for many, CommonJS starts faster than ES modules, and what a
// command imports lazily stays lazy inside the file: it is not run before it is asked for. `send`, the command that scripts
// run most, has a file of its own without the other commands. Beside each file lies V8's code cache of it, so that the
// functions a usual run needs are not compiled at every start; a cache made by another Node is ignored.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

let bundling;
try {
  bundling = await import('./bundle.mjs');
} catch (error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  // `npm ci --omit=dev` runs `prepare` too; an installed package already carries dist/.
  process.stderr.write('mailtool: esbuild is not installed, dist/ is left as it is\n');
  process.exit(0);
}
const { BUNDLES, bundle } = bundling;

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist/cli', { recursive: true });

for (const name of BUNDLES) await bundle(name, { outfile: `dist/cli/${name}.cjs`, minify: true });
// The nearest package.json says what the file is; without one here Node reads the whole of the package's own.
writeFileSync('dist/cli/package.json', '{"type":"commonjs"}\n');
for (const name of BUNDLES) {
  execFileSync(process.execPath, ['scripts/code-cache.cjs', name], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

const require = createRequire(import.meta.url);
const tsc = require.resolve('typescript/package.json').replace('package.json', 'bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.lib.json'], { stdio: 'inherit' });

const sizes = BUNDLES.map((name) => {
  const [code, cache] = ['cjs', 'cache'].map((kind) =>
    Math.round(statSync(`dist/cli/${name}.${kind}`).size / 1024),
  );
  return `${name} ${code} KB, its code cache ${cache} KB`;
});
process.stdout.write(`built dist/lib and dist/cli (${sizes.join('; ')})\n`);
