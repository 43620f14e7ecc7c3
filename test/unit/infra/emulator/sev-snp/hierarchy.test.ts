import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadOrCreateAmdHierarchy } from '#infra/emulator/sev-snp/kept-hierarchy.ts';
import { AMD_ROOTS } from '#shared/attestation/sev-snp/anchors.ts';
import { Fault } from '#shared/fault/fault.ts';
import { testChip, testHierarchy } from '#test/fakes/tee/amd.ts';
import { fixedSurroundings } from '#test/fakes/tee/emulator.ts';

const FILE = 'amd-milan.key.pem';

describe('the emulated AMD authorities', () => {
  it('say EMULATED in every name, and are no root of AMD', async () => {
    const { chip, hierarchy } = await testChip('Turin');
    const ders = [hierarchy.ark, hierarchy.ask, hierarchy.asvk].map(({ certificate }) => certificate);
    for (const der of [...ders, chip.certificate]) {
      const certificate = new X509Certificate(der);
      expect([certificate.subject, certificate.issuer].every((name) => name.includes('O=EMULATED'))).to.equal(true);
    }
    expect(AMD_ROOTS.some(({ sha256 }) => sha256 === hierarchy.sha256)).to.equal(false);
  });

  it('sign what OpenSSL accepts link by link', async () => {
    const { chip, hierarchy } = await testChip('Genoa');
    const ark = new X509Certificate(hierarchy.ark.certificate);
    const ask = new X509Certificate(hierarchy.ask.certificate);
    const leaf = new X509Certificate(chip.certificate);
    expect([ark.verify(ark.publicKey), ask.verify(ark.publicKey), leaf.verify(ask.publicKey)]).to.deep.equal([
      true,
      true,
      true,
    ]);
    expect([leaf.checkIssued(ask), ask.checkIssued(ark), leaf.serialNumber]).to.deep.equal([true, true, '0']);
  });

  it('are numbered as AMD numbers them', async () => {
    const { ark, ask, asvk } = await testHierarchy('Genoa');
    const numbers = [ark, ask, asvk].map(({ certificate }) => new X509Certificate(certificate).serialNumber);
    expect(numbers).to.deep.equal(['020000', '020001', '020101']);
  });

  describe('that are kept', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
      await loadOrCreateAmdHierarchy(folder, 'Milan', fixedSurroundings());
    });
    after(() => rm(folder, { recursive: true, force: true }));
    const load = () => loadOrCreateAmdHierarchy(folder, 'Milan', fixedSurroundings());

    it('are the same at the second start, with the fingerprint of the root beside them', async () => {
      const hierarchy = await load();
      expect((await readFile(join(folder, 'amd-milan.root.sha256'), 'utf8')).trim()).to.equal(hierarchy.sha256);
      expect(new Uint8Array(await readFile(join(folder, 'amd-milan.root.der')))).to.deep.equal(
        hierarchy.ark.certificate,
      );
      expect(await load()).to.have.property('sha256', hierarchy.sha256);
      expect(await readdir(folder)).to.have.members([FILE, 'amd-milan.root.der', 'amd-milan.root.sha256']);
    });

    it('are readable to their owner only', async () => {
      expect((await stat(join(folder, FILE))).mode & 0o777).to.equal(0o600);
      await chmod(join(folder, FILE), 0o644);
      expect(await faultOf(load())).to.equal('KEY_FILE_INVALID');
      await chmod(join(folder, FILE), 0o600);
    });

    it('are refused when something is missing or belongs to another', async () => {
      const text = await readFile(join(folder, FILE), 'utf8');
      const blocks = text.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g) ?? [];
      const [arkKey = '', ark = '', askKey = '', ask = '', asvkKey = '', asvk = ''] = blocks;
      const damaged = [
        '',
        [arkKey, ark, askKey, ask].join(''),
        [arkKey, ark, askKey, ask, asvkKey].join(''),
        [askKey, ark, arkKey, ask, asvkKey, asvk].join(''),
      ];
      for (const bad of damaged) {
        await writeFile(join(folder, FILE), bad);
        expect(await faultOf(load())).to.equal('KEY_FILE_INVALID');
      }
    });
  });
});

async function faultOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}
