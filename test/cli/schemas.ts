import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

export type Json = Readonly<Record<string, unknown>>;

const FOLDER = join(import.meta.dirname, '..', '..', 'schemas');

/** The schemas of the package, by the name of their file. */
export const SCHEMAS: ReadonlyMap<string, Json> = new Map(
  readdirSync(FOLDER).map((file) => [
    file.replace(/\.schema\.json$/, ''),
    JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Json,
  ]),
);

/** The same schema, by which an object has nothing that is not named: only what calls itself an object is closed. */
export function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { additionalProperties, ...rest } = schema as Record<string, unknown>;
  const inner = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, closed(value)]));
  if (inner['type'] !== 'object' || typeof additionalProperties === 'object')
    return additionalProperties === undefined ? inner : { ...inner, additionalProperties };
  return { ...inner, unevaluatedProperties: false };
}

/** A validator for each schema, all of them `change`d. */
export function validators(
  change: (schema: unknown) => unknown = (schema) => schema,
): ReadonlyMap<string, ValidateFunction> {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
  formats.default(ajv);
  for (const schema of SCHEMAS.values()) ajv.addSchema(change(schema) as object);
  return new Map(
    [...SCHEMAS].map(([name, { $id }]) => {
      const validate = ajv.getSchema(String($id));
      if (validate === undefined) throw new Error(`${name}: there is no schema ${String($id)}`);
      return [name, validate];
    }),
  );
}

/** What is wrong with `document`, in words; nothing is right. */
export function complaints(validate: ValidateFunction | undefined, document: unknown): string[] {
  if (validate === undefined) return ['there is no schema'];
  if (validate(document)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath}: ${message} ${JSON.stringify(params)}`,
  );
}
