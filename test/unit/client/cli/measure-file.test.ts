import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { measureFile } from '#client/cli/measure-file.ts';

describe('measureFile', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const bytes of [0, 1, 200_000]) {
    it(`gives the SHA-384 and the size of a file of ${bytes} bytes`, async () => {
      const contents = new Uint8Array(bytes).fill(3);
      const path = join(folder, `${bytes}`);
      await writeFile(path, contents);
      expect(await measureFile(path)).to.deep.equal({
        sha384: createHash('sha384').update(contents).digest('hex'),
        bytes,
      });
    });
  }

  it('rejects for a file that is not there', async () => {
    const outcome = await measureFile(join(folder, 'absent')).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(outcome).to.have.property('code', 'ENOENT');
  });
});
