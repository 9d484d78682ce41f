import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import { type JsonRun, runsOf } from './json-runs.ts';
import { makeWorld, type World } from './json-world.ts';
import { mailtool, type Ran } from './mailtool.ts';
import { closed, complaints, type Json, SCHEMAS, validators } from './schemas.ts';

interface Done {
  readonly name: string;
  readonly run: JsonRun;
  readonly ran: Ran;
  readonly documents: readonly Json[];
}

/** They print a line of JSON for each thing that happens, and the document last. */
const STREAMS: readonly string[] = ['fetch', 'sandbox', 'wait'];

/** `help json` explains them once. */
const SHARED: ReadonlySet<string> = new Set(['schema', 'ok', 'warnings', 'error']);

const open = validators();
const strict = validators(closed);
const done: Done[] = [];
let world: World;

/** They share a maildrop, which serves one at a time. */
const OF_A_MAILDROP: readonly string[] = [
  'send',
  'list',
  'stat',
  'uidl',
  'top',
  'retr',
  'dele',
  'show',
  'save',
  'wait',
  'probe',
];

beforeAll(async () => {
  world = await makeWorld();
  const runs = Object.entries(runsOf(world));
  const inRow = async (some: typeof runs) => {
    for (const [name, all] of some) for (const run of all) done.push({ ...(await perform(run)), name, run });
  };
  await Promise.all([
    inRow(runs.filter(([name]) => OF_A_MAILDROP.includes(name))),
    inRow(runs.filter(([name]) => !OF_A_MAILDROP.includes(name))),
  ]);
}, 240_000);
afterAll(() => world[Symbol.asyncDispose]());

async function perform({ args, options }: JsonRun) {
  const ran = await mailtool(['--json', ...args], options);
  const lines = ran.stdout.split('\n').filter((line) => line !== '');
  return { ran, documents: lines.map((line) => JSON.parse(line) as Json) };
}

const of = (name: string) => done.filter((each) => each.name === name);

/** The parts of a schema that stand for a whole document or line. */
function shapesOf(schema: Json | undefined): Json[] {
  const parts = (schema?.['oneOf'] ?? schema?.['anyOf']) as readonly { $ref: string }[] | undefined;
  const defs = (schema?.['$defs'] ?? {}) as Readonly<Record<string, Json>>;
  if (parts === undefined) return schema === undefined ? [] : [schema];
  return parts.map(({ $ref }) => defs[$ref.replace('#/$defs/', '')] ?? {});
}

/** The common definitions that a shape is made of. */
function parentsOf({ allOf }: Json): Json[] {
  const { $defs } = SCHEMAS.get('common') as { $defs: Readonly<Record<string, Json>> };
  return ((allOf ?? []) as readonly { $ref?: string }[]).flatMap(({ $ref }) => {
    const parent = $defs[$ref?.split('/').at(-1) ?? ''];
    return parent === undefined ? [] : [parent];
  });
}

const requiredOf = (schema: Json) =>
  [schema, ...parentsOf(schema)].flatMap(({ required }) => (required ?? []) as readonly string[]);
const fieldsOf = (schema: Json) =>
  [schema, ...parentsOf(schema)].flatMap(({ properties }) => Object.keys(properties ?? {}));
const isEnd = (schema: Json) => requiredOf(schema).includes('warnings') && requiredOf(schema).includes('ok');

const names = [...COMMANDS.map(({ name }) => name), 'mailtool'];

describe.each(names)('%s --json', (name) => {
  it('has a schema, and runs of every kind', () => {
    expect(SCHEMAS.has(name)).toBe(true);
    const exits = of(name).map(({ run }) => run.exit);
    expect(exits.length).toBeGreaterThan(1);
    expect(exits).toContain(64);
  });

  it('comes to what is expected, in one document or in lines, of which the last has the end', () => {
    for (const { run, ran, documents } of of(name)) {
      expect([run.args, ran.code, ran.stderr]).toEqual([run.args, run.exit, ran.stderr]);
      expect([run.args, documents.length]).toEqual([
        run.args,
        STREAMS.includes(name) ? expect.any(Number) : 1,
      ]);
      expect(documents.at(-1)).toMatchObject({ ok: run.exit === 0, warnings: expect.any(Array) });
    }
  });

  it('prints what the schema says', () => {
    for (const { run, documents } of of(name))
      for (const document of documents)
        expect([run.args, document, complaints(open.get(name), document)]).toEqual([run.args, document, []]);
  });

  it('prints nothing that the schema does not name', () => {
    for (const { run, documents } of of(name))
      for (const document of documents)
        expect([run.args, document, complaints(strict.get(name), document)]).toEqual([
          run.args,
          document,
          [],
        ]);
  });

  it('has printed each field that the schema names', () => {
    const printed = new Set(of(name).flatMap(({ documents }) => documents.flatMap(Object.keys)));
    const named = shapesOf(SCHEMAS.get(name)).flatMap(fieldsOf);
    expect(named.filter((field) => !printed.has(field))).toEqual([]);
  });
});

describe.each(COMMANDS)('$name', ({ name, load }) => {
  it('starts with the fields that the schema requires, and help json names all', async () => {
    const { command } = await load();
    const ends = shapesOf(SCHEMAS.get(name)).filter(isEnd);
    const required = ends.map((end) =>
      requiredOf(end)
        .filter((field) => !SHARED.has(field))
        .sort(),
    );
    expect(required).toContainEqual(Object.keys(command.document ?? {}).sort());
    const help = (await mailtool(['help', 'json'])).stdout;
    const line = new RegExp(`^${name} [^]*?(?=^\\S|^$(?![^]))`, 'm').exec(help)?.[0] ?? '';
    const fields = shapesOf(SCHEMAS.get(name)).flatMap(fieldsOf);
    expect(fields.filter((field) => !SHARED.has(field) && !new RegExp(`\\b${field}\\b`).test(line))).toEqual(
      [],
    );
  });
});

/** The names in `value` at any depth: of properties in a schema, of fields in a document. */
function namesIn(value: unknown, isSchema: boolean): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((each) => namesIn(each, isSchema));
  const inner = Object.values(value).flatMap((each) => namesIn(each, isSchema));
  if (!isSchema) return [...Object.keys(value), ...inner];
  const { properties } = value as { properties?: object };
  return [...Object.keys(properties ?? {}), ...inner];
}

describe('the schemas', () => {
  it('have no name, however deep, that nothing has printed', () => {
    const printed = new Set(done.flatMap(({ documents }) => namesIn(documents, false)));
    const named = new Set([...SCHEMAS.values()].flatMap((schema) => namesIn(schema, true)));
    expect([...named].filter((name) => !printed.has(name))).toEqual([]);
  });

  it('are there for nothing else', () => {
    expect([...SCHEMAS.keys()].sort()).toEqual([...names, 'common'].sort());
  });

  it('are named by what they describe, and by no host', () => {
    for (const [name, schema] of SCHEMAS) {
      expect(schema['$id']).toBe(`urn:mailtool:${name}:1`);
      expect(JSON.stringify(schema)).not.toMatch(/https?:(?!\/\/json-schema\.org\/draft\/2020-12\/schema")/);
    }
  });

  it('allow for fields that come later', () => {
    for (const { name, documents } of done) {
      for (const document of documents) {
        const later = { ...document, fieldOfALaterVersion: 1 };
        expect(complaints(open.get(name), later)).toEqual([]);
        expect(complaints(strict.get(name), later)).not.toEqual([]);
      }
    }
  });

  it('find a field that is missing, is of another type, or is new', () => {
    const [{ documents } = { documents: [] }] = of('list');
    const [document = {}] = documents;
    const { total: _, ...without } = document;
    expect(complaints(open.get('list'), without)).not.toEqual([]);
    expect(complaints(open.get('list'), { ...document, total: '3' })).not.toEqual([]);
    const [message] = document['messages'] as readonly Json[];
    expect(
      complaints(open.get('list'), { ...document, messages: [{ ...message, date: 'today' }] }),
    ).not.toEqual([]);
    expect(complaints(strict.get('list'), { ...document, messages: [{ ...message, extra: 1 }] })).not.toEqual(
      [],
    );
  });

  it('come out of help json COMMAND whole, with what they share', async () => {
    const { stdout } = await mailtool(['help', 'json', 'list']);
    const [{ documents } = { documents: [] }] = of('list');
    const validate = new Ajv2020({
      strict: true,
      strictTypes: false,
      formats: { 'date-time': true },
    }).compile(JSON.parse(stdout));
    expect(complaints(validate, documents[0])).toEqual([]);
    expect(complaints(validate, { ...documents[0], warnings: 'none' })).not.toEqual([]);
  });

  it('are in the package, and have names to import them by', () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
    expect(manifest.files).toContain('schemas');
    const require = createRequire(import.meta.url);
    for (const name of SCHEMAS.keys())
      expect(require(`mailtool/schemas/${name}.schema.json`)).toEqual(SCHEMAS.get(name));
  });
});
