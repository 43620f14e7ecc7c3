import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { BENCHES } from '#scripts/bench/table.ts';

const MAIN = fileURLToPath(new URL('../../../../scripts/bench/main.ts', import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

describe('npm run bench', () => {
  it('lists every bench by name without running it', async () => {
    const { code, stdout } = await bench('--list');
    expect(code).to.equal(0);
    const names = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(names).to.deep.equal(BENCHES.map(({ name }) => name));
  });

  it('explains its options', async () => {
    const { code, stdout } = await bench('--help');
    expect(code).to.equal(0);
    for (const option of ['--only', '--json', '--list', '--help']) expect(stdout).to.include(option);
  });

  it('ends with 2 on an unknown name and says which there are', async () => {
    const { code, stderr } = await bench('--only', 'fold-vs-abacus');
    expect(code).to.equal(2);
    expect(stderr).to.include('fold-vs-abacus').and.to.include('fold-vs-numpy');
  });

  it('ends with 2 on an unknown option and on a stray word', async () => {
    expect((await bench('--fast')).code).to.equal(2);
    expect((await bench('fold-vs-numpy')).code).to.equal(2);
  });

  it('has no two benches of one name', () => {
    expect(new Set(BENCHES.map(({ name }) => name)).size).to.equal(BENCHES.length);
  });
});
