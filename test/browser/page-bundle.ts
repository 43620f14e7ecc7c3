import { build, type Metafile } from 'esbuild';
import { ROOT } from '#test/tidy/sources.ts';

/** A script for a page, and what went into it. */
export interface PageBundle {
  readonly code: Uint8Array;
  readonly metafile: Metafile;
}

/** Bundles a script for a browser. Nothing stands in for Node: an import of one of its modules fails the build. */
export async function bundlePage(source: { readonly entry: string } | { readonly text: string }): Promise<PageBundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    ...('entry' in source
      ? { entryPoints: [source.entry] }
      : { stdin: { contents: source.text, resolveDir: ROOT, sourcefile: 'planted.ts', loader: 'ts' as const } }),
    write: false,
    metafile: true,
    bundle: true,
    platform: 'browser',
    target: 'es2024',
    format: 'esm',
    logLevel: 'silent',
  });
  return { code: outputFiles[0]?.contents ?? new Uint8Array(0), metafile };
}
