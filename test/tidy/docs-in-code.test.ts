import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readmeGaps, undocumented } from './docs-in-code.ts';
import { CODE, filesIn, ROOT, read } from './sources.ts';

/** Folders below `folder`, itself included, as paths from the root. */
function foldersIn(folder: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  const below = entries.filter((entry) => entry.isDirectory()).map((entry) => `${folder}/${entry.name}`);
  return [folder, ...below.flatMap(foldersIn)];
}

describe('docs in the code', () => {
  for (const path of filesIn(['shared', 'client/sdk', 'aggregator'])) {
    it(`${path} documents what it exports`, () => {
      expect(undocumented(read(path))).to.deep.equal([]);
    });
  }

  for (const folder of [...CODE, 'docs'].flatMap(foldersIn)) {
    it(`${folder} has a README that lists its files`, () => {
      const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
      const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
      expect(existsSync(join(ROOT, folder, 'README.md')), `${folder}/README.md`).to.equal(true);
      expect(readmeGaps(read(`${folder}/README.md`), files, folders)).to.deep.equal({ unnamed: [], gone: [] });
    });
  }

  it('would find an export without a doc comment, and takes no other comment for one', () => {
    const source = [
      '/** Documented. */\nexport const a = 1;',
      '// A comment.\nexport const b = 2;',
      '/** Its first form. */\nexport function c(x: 1): void;\nexport function c(x: 2): void;',
      'export interface D {}',
      'export async function e() {}\nconst inner = 1;',
    ].join('\n\n');
    expect(undocumented(source)).to.deep.equal(['b', 'D', 'e']);
  });

  it('would find a file that a README leaves out and one that is gone', () => {
    const readme = 'Owns `c.ts` of old.\n\n- `a.ts`, `gone.ts`: two\n- `sub/`: more\n\n| `late.ts` | three |\n';
    expect(readmeGaps(readme, ['a.ts', 'b.ts', 'README.md'], ['sub'])).to.deep.equal({
      unnamed: ['b.ts'],
      gone: ['gone.ts', 'late.ts'],
    });
  });
});
