import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BundleOptions, buildEnclaveBundle } from './bundle.ts';

/**
 * What the enclave's measurement stands for: the sources of ours that are in the bundle, and the packages. Counted from
 * the bundle itself, so that nothing can be forgotten.
 */

/** Code in the bundle under one name. */
export interface TcbPart {
  /** A folder of ours, or a package. */
  readonly name: string;
  readonly files: number;
  /** Lines of the source files, comments and blank lines included. */
  readonly lines: number;
  /** Those that are neither blank nor comment. */
  readonly codeLines: number;
  /** Bytes of it that are in the bundle. */
  readonly bundledBytes: number;
}

/** A package of the bundle. */
export interface TcbPackage extends TcbPart {
  readonly version: string;
  readonly licence: string;
}

/** The trusted computing base. */
export interface TcbReport {
  readonly bundle: { readonly sha384: string; readonly bytes: number };
  /** By folder. */
  readonly own: readonly TcbPart[];
  readonly ownLines: number;
  readonly ownCodeLines: number;
  /** By name. */
  readonly packages: readonly TcbPackage[];
}

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
/** A blank line, or one that is comment from its start: our formatter leaves no other kind of whole-line comment. */
const NO_CODE = /^\s*($|\/\/|\/\*|\*)/;
const PACKAGE = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** Builds the bundle in a folder of its own and counts what it is made of. */
export async function tcbReport(options: BundleOptions = {}): Promise<TcbReport> {
  const root = resolve(options.root ?? ROOT);
  const folder = await mkdtemp(join(tmpdir(), 'cloister-tcb-'));
  try {
    const { sha384, bytes, metafile } = await buildEnclaveBundle(join(folder, 'enclave.mjs'), options);
    const left = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
    const bundled = new Map(left.map(([path, { bytesInOutput }]) => [path, bytesInOutput]));
    const paths = Object.keys(metafile.inputs);
    // A file of ours counts even when nothing of it is left: it can be in tomorrow's bundle.
    const ours = paths.filter((path) => /^(aggregator|shared)\//.test(path));
    const theirs = paths.filter((path) => PACKAGE.test(path) && (bundled.get(path) ?? 0) > 0);
    const own = await parts(root, ours, bundled, dirname);
    const packages = await parts(root, theirs, bundled, (path) => PACKAGE.exec(path)?.[1] ?? path);
    return {
      bundle: { sha384, bytes },
      own,
      ownLines: sumOf(own, 'lines'),
      ownCodeLines: sumOf(own, 'codeLines'),
      packages: await Promise.all(packages.map((part) => withLicence(root, part))),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function parts(
  root: string,
  paths: readonly string[],
  bundled: ReadonlyMap<string, number>,
  nameOf: (path: string) => string,
): Promise<TcbPart[]> {
  const found = new Map<string, TcbPart>();
  for (const path of paths) {
    const name = nameOf(path);
    const before = found.get(name) ?? { files: 0, lines: 0, codeLines: 0, bundledBytes: 0 };
    const lines = await linesOf(join(root, path));
    found.set(name, {
      name,
      files: before.files + 1,
      lines: before.lines + lines.length,
      codeLines: before.codeLines + lines.filter((line) => !NO_CODE.test(line)).length,
      bundledBytes: before.bundledBytes + (bundled.get(path) ?? 0),
    });
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Lines of a text; a binary has none. */
async function linesOf(path: string): Promise<readonly string[]> {
  return path.endsWith('.wasm') ? [] : (await readFile(path, 'utf8')).replace(/\n$/, '').split('\n');
}

function sumOf(all: readonly TcbPart[], field: 'lines' | 'codeLines'): number {
  return all.reduce((sum, part) => sum + part[field], 0);
}

async function withLicence(root: string, part: TcbPart): Promise<TcbPackage> {
  const text = await readFile(join(root, 'node_modules', part.name, 'package.json'), 'utf8');
  const fields = new Map<string, unknown>(Object.entries(JSON.parse(text)));
  return { ...part, version: String(fields.get('version')), licence: String(fields.get('license') ?? 'not stated') };
}

function columns(name: string, cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(32)}${cells.map((cell) => String(cell).padStart(9)).join('')}`;
}

/** The report for people. */
export function tcbText({ bundle, own, ownLines, ownCodeLines, packages }: TcbReport): string {
  const row = ({ name, files, lines, codeLines, bundledBytes }: TcbPart) =>
    columns(name, [files, lines, codeLines, bundledBytes]);
  const head = columns('', ['files', 'lines', 'of code', 'bundled']);
  return [
    `bundle ${bundle.bytes} bytes, SHA-384 ${bundle.sha384}`,
    `our own sources: ${ownCodeLines} lines of code, ${ownLines} with comments and blank lines`,
    head,
    ...own.map(row),
    `packages: ${sumOf(packages, 'codeLines')} lines of code in the files that the bundle takes from`,
    head,
    ...packages.map((part) => `${row(part)}  ${part.version} ${part.licence}`),
  ].join('\n');
}

if (import.meta.main) {
  const report = await tcbReport();
  console.log(process.argv.includes('--json') ? JSON.stringify(report, undefined, 2) : tcbText(report));
}
