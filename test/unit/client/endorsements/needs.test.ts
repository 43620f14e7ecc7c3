import { expect } from 'chai';
import { needsOf } from '#client/endorsements/needs.ts';
import type { SnpReportContents } from '#infra/emulator/sev-snp/report.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { type TestChip, testChip } from '#test/fakes/tee/amd.ts';
import { FMSPC, intelScene } from './intel.ts';

const HW_ID = Uint8Array.from({ length: 64 }, (_, index) => index + 1);

function reportOf(chip: TestChip, contents: Partial<SnpReportContents> = {}): Evidence {
  return { platform: 'amd-sev-snp', document: chip.report(contents), endorsements: [] };
}

function needs(evidence: Evidence, product?: SnpProduct) {
  return needsOf(evidence, product, nodeCrypto);
}

describe('what evidence needs of its vendor', () => {
  let milan: TestChip;
  before(async () => {
    milan = await testChip('Milan', { hwId: HW_ID });
  });

  it('is the VCEK of the chip and the reported firmware', () => {
    const reportedTcb = { bootloader: 3, tee: 0, snp: 20, microcode: 209 };
    const found = needs(reportOf(milan, { reportedTcb }));
    expect(found).to.include({ kind: 'amd', product: 'Milan', signingKey: 'VCEK' });
    if (found.kind !== 'amd') throw new Error('an SNP report needs something of AMD');
    expect(found.chipId).to.equal(toHex(HW_ID));
    const spls = ['blSPL', 'teeSPL', 'snpSPL', 'ucodeSPL'] as const;
    expect(spls.map((name) => found.tcb?.get(name))).to.deep.equal([3, 0, 20, 209]);
  });

  it('is asked for by eight bytes of the chip on Turin, whose firmware has a component more', async () => {
    const turin = await testChip('Turin', { hwId: HW_ID.subarray(0, 8) });
    const found = needs(reportOf(turin));
    expect(found).to.have.nested.property('chipId', toHex(HW_ID.subarray(0, 8)));
    expect(found.kind === 'amd' && found.tcb?.get('fmcSPL')).to.equal(1);
  });

  it('takes the product of a report of version 2 from a certificate beside it, or from whoever asks', () => {
    const evidence = reportOf(milan, { version: 2 });
    expect(() => needs(evidence)).to.throw('name it with --product');
    expect(needs(evidence, 'Genoa')).to.include({ product: 'Genoa' });
    for (const endorsement of milan.endorsements) {
      expect(needs({ ...evidence, endorsements: [endorsement] })).to.include({ product: 'Milan' });
    }
  });

  it('believes the report before whoever asks', () => {
    expect(needs(reportOf(milan), 'Genoa')).to.include({ product: 'Milan' });
  });

  it("is the authorities alone for a provider's key, which nobody publishes", async () => {
    const lent = await testChip('Genoa', { kind: 'VLEK' });
    expect(needs(reportOf(lent))).to.include({ product: 'Genoa', signingKey: 'VLEK', chipId: undefined });
  });

  it('cannot be told for a masked chip or a report that nobody signed', () => {
    const masked = milan.report({}, { rewrite: (report) => report.fill(0, 0x1a0, 0x1e0) });
    const unsigned = milan.report({}, { rewrite: (report) => report.fill(7 << 2, 0x48, 0x49) });
    expect(() => needs({ ...reportOf(milan), document: masked })).to.throw('masks the chip');
    expect(() => needs({ ...reportOf(milan), document: unsigned })).to.throw('not signed');
  });

  for (const [tee, authority, ca] of [
    ['TDX', 'Platform', 'platform'],
    ['SGX', 'Processor', 'processor'],
  ] as const) {
    it(`is the collateral of the family of a ${tee} quote, and of the ${ca} authority`, async () => {
      const scene = await intelScene(tee, authority);
      expect(needs(await scene.evidence())).to.deep.equal({ kind: 'intel', tee, fmspc: FMSPC, ca });
    });
  }

  it('cannot be told for a quote without the certificate of its platform', async () => {
    const scene = await intelScene('TDX');
    const named = await scene.evidence({ certification: [3, new Uint8Array(404)] });
    const empty = await scene.evidence({ certification: [5, new Uint8Array(0)] });
    expect(() => needs(named)).to.throw('does not hold the certificate');
    expect(() => needs(empty)).to.throw('cannot be read');
  });

  it('is nothing for evidence that holds its own certificates, and unknown for what cannot be read', () => {
    const document = new Uint8Array(10);
    expect(() => needs({ platform: 'aws-nitro', document, endorsements: [] })).to.throw('needs nothing');
    for (const platform of ['amd-sev-snp', 'intel-tdx', 'intel-sgx', 'azure-cvm'] as const) {
      expect(() => needs({ platform, document, endorsements: [] }), platform).to.throw('cannot be read');
    }
  });
});
