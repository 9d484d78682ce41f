import { promises as fs } from 'node:fs';
import { join } from 'node:path';

// As far from the package's root as the built command is.
const FOLDER = join(import.meta.dirname, '..', '..', 'schemas');

/** The JSON Schema of what `command` prints with `--json`, complete in itself: what all commands share lies under its `$defs`. */
export async function schemaOf(command: string): Promise<string> {
  const [schema, common] = await Promise.all([read(command), read('common')]);
  return JSON.stringify({ ...schema, $defs: { ...schema.$defs, common } }, undefined, 2);
}

async function read(name: string): Promise<{ readonly $defs?: object }> {
  const text = await fs.readFile(join(FOLDER, `${name}.schema.json`), 'utf8');
  const schema: unknown = JSON.parse(text);
  return typeof schema === 'object' && schema !== null ? schema : {};
}
