import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './sources.ts';

/** What oxlint found. */
export interface Finding {
  /** Such as `max-lines`. */
  readonly rule: string;
  readonly path: string;
  readonly line: number;
}

interface Report {
  readonly diagnostics: readonly {
    readonly code: string;
    readonly filename: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

/** Runs oxlint in the folder `cwd` on `paths` under the configuration file `config`. */
export async function lint(cwd: string, config: string, paths: readonly string[]): Promise<readonly Finding[]> {
  const output = await new Promise<string>((done, failed) => {
    const args = ['--config', config, '--disable-nested-config', '--format', 'json', ...paths];
    execFile(join(ROOT, 'node_modules/.bin/oxlint'), args, { cwd, maxBuffer: 2 ** 26 }, (error, stdout) => {
      // Findings end it with exit code 1; anything else is no report at all.
      if (error === null || error.code === 1) done(stdout);
      else failed(error);
    });
  });
  const { diagnostics } = JSON.parse(output) as Report;
  return diagnostics.map(({ code, filename, labels }) => ({
    rule: /\(([\w-]+)\)/.exec(code)?.[1] ?? code,
    path: filename.replaceAll('\\', '/'),
    line: labels[0]?.span.line ?? 0,
  }));
}
