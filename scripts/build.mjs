// Builds dist/: the library (JavaScript and types, by tsc) and the command (bundled CommonJS, by esbuild).
//
// The command is cut into one chunk per subcommand, so that `mailtool send` loads nothing of `mailtool list`.
// esbuild splits ES modules only, and CommonJS starts faster; hence two steps: split, then convert each chunk.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist/cli', { recursive: true });

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

const split = await esbuild.build({
  entryPoints: ['src/cli/main.ts'],
  outdir: 'dist/cli',
  bundle: true,
  splitting: true,
  // Only the sandbox needs these, and they are installed beside us: no use in carrying them twice.
  external: ['smtp-server', 'selfsigned'],
  plugins: [withoutChildProcess],
  format: 'esm',
  platform: 'node',
  target: 'node20.12',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'eof',
  write: false,
  metafile: true,
  logLevel: 'warning',
});
for (const file of split.outputFiles) {
  const code = file.text.replace(/((?:from|import)\s*\(?\s*["']\.[^"']*)\.js(["'])/g, '$1.cjs$2');
  const common = await esbuild.transform(code, {
    format: 'cjs',
    platform: 'node',
    target: 'node20.12',
    supported: { 'dynamic-import': false },
    minifyWhitespace: true,
    legalComments: 'inline',
  });
  writeFileSync(file.path.replace(/\.js$/, '.cjs'), common.code);
}

// The nearest package.json says what the chunks are; without one here Node reads the whole of the package's own.
writeFileSync('dist/cli/package.json', '{"type":"commonjs"}\n');

const require = createRequire(import.meta.url);
execFileSync(
  process.execPath,
  [require.resolve('typescript/package.json').replace('package.json', 'bin/tsc'), '-p', 'tsconfig.lib.json'],
  {
    stdio: 'inherit',
  },
);

const chunks = readdirSync('dist/cli').length;
const bytes = readdirSync('dist/cli').reduce(
  (sum, name) => sum + readFileSync(join('dist/cli', name)).length,
  0,
);
process.stdout.write(`built dist/cli (${chunks} files, ${Math.round(bytes / 1024)} KB) and dist/lib\n`);
