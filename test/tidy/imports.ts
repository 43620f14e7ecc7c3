import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { build } from 'esbuild';

/** One import as it is written. */
export interface Import {
  readonly from: string;
  /** What the import line says. */
  readonly specifier: string;
  /** The file of ours that it means, or the package (`node:` in front of Node's own). */
  readonly to: string;
  /** Types leave no trace at run time, so they make no cycle; for who may know whom they count like any other. */
  readonly kind: 'value' | 'type';
}

/** Biome puts each import and export at the start of a line, so that this finds those of types and nothing else. */
const TYPE_ONLY = /^(?:import|export) type [^;]*? from '([^']+)';$/gm;
/** `typeof import('a.ts')` and `import('a.ts').Name`: types written where they are used. */
const INLINE_TYPE = /(?<=\btypeof )import\('([^']+)'\)|import\('([^']+)'\)(?=\.[A-Z])/g;

/**
 * All imports of `paths`, below `root`. Values as esbuild parses them, re-exports, `require` and dynamic imports
 * included; types, which esbuild drops, from the text.
 */
export async function importsOf(root: string, paths: readonly string[], read: (path: string) => string) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...paths],
    outdir: 'nowhere',
    write: false,
    metafile: true,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    preserveSymlinks: true,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    logLevel: 'silent',
  });
  const values = Object.entries(metafile.inputs).flatMap(([from, { imports }]) =>
    imports.map(({ path, original, external }): Import => {
      const specifier = original ?? path;
      return { from, specifier, to: external === true ? packageOf(path) : path, kind: 'value' };
    }),
  );
  const types = paths.flatMap((from) => {
    const text = read(from);
    return [...text.matchAll(TYPE_ONLY), ...text.matchAll(INLINE_TYPE)].map(([, first, second]): Import => {
      const specifier = first ?? second ?? '';
      return { from, specifier, to: targetOf(from, specifier), kind: 'type' };
    });
  });
  return [...values, ...types];
}

const FOLDERS: Readonly<Record<string, string>> = {
  '#enclave': 'aggregator/enclave',
  '#boundary': 'aggregator/boundary',
  '#host': 'aggregator/host',
};

function targetOf(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  const [first = '', ...rest] = specifier.split('/');
  if (first.startsWith('#')) return [FOLDERS[first] ?? first.slice(1), ...rest].join('/');
  return packageOf(specifier);
}

function packageOf(specifier: string): string {
  if (builtinModules.includes(specifier)) return `node:${specifier}`;
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

const ZONES = ['aggregator/enclave', 'aggregator/boundary', 'aggregator/host'];

/** The zone that a file of ours belongs to, such as `shared` or `enclave`; `undefined` for a package. */
export function zoneOf(path: string): string | undefined {
  const zone = ZONES.find((folder) => path.startsWith(`${folder}/`));
  if (zone !== undefined) return zone.split('/')[1];
  return /^(shared|client|infra|scripts|test)\//.exec(path)?.[1];
}

/** Groups of files that import one another's values in a circle. */
export function cyclesOf(imports: readonly Import[]): string[][] {
  const next = new Map<string, Set<string>>();
  for (const { from, to, kind } of imports) {
    if (kind === 'value') next.set(from, (next.get(from) ?? new Set()).add(to));
  }
  const reach = new Map([...next.keys()].map((file) => [file, reachable(next, file)]));
  const circles = [...reach]
    .filter(([file, seen]) => seen.has(file))
    .map(([file]) => file)
    .toSorted();
  const groups = circles.map((file) =>
    circles.filter((other) => reach.get(file)?.has(other) && reach.get(other)?.has(file)),
  );
  return [...new Map(groups.map((group) => [group.join(), group])).values()];
}

function reachable(next: ReadonlyMap<string, ReadonlySet<string>>, start: string): Set<string> {
  const seen = new Set<string>();
  const open = [start];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    for (const to of next.get(file) ?? []) {
      if (!seen.has(to)) open.push(to);
      seen.add(to);
    }
  }
  return seen;
}
