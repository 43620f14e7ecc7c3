import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { configfsTsm, TSM_ROOT } from '#infra/emulator/kernel/configfs-tsm.ts';
import { preloadFlags, serveKernel } from '#infra/emulator/kernel/server.ts';

const FIXTURE = fileURLToPath(new URL('../../../fixtures/enclave/pseudo-files.ts', import.meta.url));

describe('the preloaded kernel', () => {
  it('shows pseudo files to a process that may open no real file, in every form that Node has', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    const outblob = new Uint8Array(5000).fill(3);
    const tree = configfsTsm({
      name: 'sev_guest',
      hasPrivilegeLevels: true,
      report: async (inblob, level) => ({ outblob, auxblob: Uint8Array.of(level, ...inblob) }),
    });
    const server = await serveKernel([{ root: TSM_ROOT, tree }], join(folder, 'kernel.sock'));
    const flags = ['--permission', `--allow-fs-read=${FIXTURE}`, ...preloadFlags(server)];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, FIXTURE, `${TSM_ROOT}/own`]);
    await server.close();
    await rm(folder, { recursive: true });
    expect(stderr).to.equal('');
    expect(JSON.parse(stdout)).to.deep.equal({
      directory: true,
      file: true,
      names: ['auxblob', 'generation', 'inblob', 'outblob', 'privlevel', 'privlevel_floor', 'provider'],
      taken: 64,
      generation: '2\n',
      provider: 'sev_guest\n',
      reads: [100, 4096, 4, 3],
      whole: 5000,
      absent: 'ENOENT',
      closed: 'EBADF',
      real: 'ERR_ACCESS_DENIED',
      removed: 'ENOENT',
    });
  });
});
