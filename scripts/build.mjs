// Builds dist/: the library (JavaScript and types, by tsc) and the command (one CommonJS file, by esbuild).
//
// A cron tool is mostly start-up. One file spares the look-ups for many, CommonJS starts faster than ES modules, and what a
// command imports lazily stays lazy inside the file: it is not run before it is asked for. Beside the file lie V8's code
// caches of it, so that the functions a usual run needs are not compiled at every start. A cache made by another Node is
// ignored.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

let esbuild;
try {
  esbuild = await import('esbuild');
} catch {
  // `npm ci --omit=dev` runs `prepare` too; an installed package already carries dist/.
  process.stderr.write('mailtool: esbuild is not installed, dist/ is left as it is\n');
  process.exit(0);
}

// commander can start other programs as subcommands; ours does not, and loading what that takes costs a tenth of a start.
const withoutChildProcess = {
  name: 'without-child-process',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('node_modules/commander/') ? { path: 'none', namespace: 'empty' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {}' }));
  },
};

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist/cli', { recursive: true });

await esbuild.build({
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli/main.cjs',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.12',
  supported: { 'dynamic-import': false },
  // Only the sandbox needs these, and they are installed beside us: no use in carrying them twice.
  external: ['smtp-server', 'selfsigned'],
  plugins: [withoutChildProcess],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'eof',
  logLevel: 'warning',
});
// The nearest package.json says what the file is; without one here Node reads the whole of the package's own.
writeFileSync('dist/cli/package.json', '{"type":"commonjs"}\n');
for (const kind of ['send', 'receive']) {
  execFileSync(process.execPath, ['scripts/code-cache.cjs', kind], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

const require = createRequire(import.meta.url);
const tsc = require.resolve('typescript/package.json').replace('package.json', 'bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.lib.json'], { stdio: 'inherit' });

const kilobytes = (path) => Math.round(statSync(path).size / 1024);
process.stdout.write(
  `built dist/lib and dist/cli (${kilobytes('dist/cli/main.cjs')} KB, and code caches of ${kilobytes('dist/cli/main.cjs.send.cache')} and ${kilobytes('dist/cli/main.cjs.receive.cache')} KB)\n`,
);
