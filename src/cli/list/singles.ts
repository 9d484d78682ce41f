import type { Row } from '../selection.ts';

/** Of `all` those that may be taken for one of `rows`: of the same size. Their unique-ids tell whether they are. */
export function ofTheirSizes(rows: readonly Row[], all: readonly Row[]): readonly Row[] {
  const sizes = new Set(rows.map(({ size }) => size));
  return all.filter(({ size }) => sizes.has(size));
}

/** Those of `rows` that can be told by unique-id and size from all others of `known`, where they are, too. */
export function singles(rows: readonly Row[], known: readonly Row[]): (Row & { readonly uid: string })[] {
  const keyOf = ({ uid, size }: Row) => `${size} ${uid}`;
  const count = new Map(rows.map((row) => [keyOf(row), 0]));
  for (const row of known) {
    const before = count.get(keyOf(row));
    if (before !== undefined) count.set(keyOf(row), before + 1);
  }
  return rows.flatMap((row) =>
    row.uid !== undefined && count.get(keyOf(row)) === 1 ? [{ ...row, uid: row.uid }] : [],
  );
}
