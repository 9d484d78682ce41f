export const BUNDLES: readonly string[];
export function bundle(
  name: string,
  options: { readonly outfile: string; readonly minify: boolean },
): Promise<void>;
