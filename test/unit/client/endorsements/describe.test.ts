import { expect } from 'chai';
import { type DescribedEndorsement, describeEndorsement } from '#client/endorsements/describe.ts';
import { derOf } from '#infra/emulator/certify.ts';
import { mintCollateral } from '#infra/emulator/intel/collateral.ts';
import { emulatedName } from '#infra/emulator/sev-snp/certificate.ts';
import { certificateTableOf, writeCertificateTable } from '#infra/emulator/sev-snp/certificate-table.ts';
import { issueSnpChip } from '#infra/emulator/sev-snp/chip.ts';
import { mintAmdCrl } from '#infra/emulator/sev-snp/hierarchy.ts';
import { ENDORSEMENT_KINDS, type EndorsementKind } from '#shared/attestation/evidence.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { CURRENT_MS, DAY_MS, type TestChip, testChip, testHierarchy } from '#test/fakes/tee/amd.ts';
import { AT_MS, fixedSurroundings } from '#test/fakes/tee/emulator.ts';
import { FMSPC, type IntelScene, intelScene } from './intel.ts';

const HW_ID = new Uint8Array(64).fill(0xab);

function described(kind: EndorsementKind, bytes: Uint8Array): DescribedEndorsement {
  const result = describeEndorsement({ kind, bytes }, nodeCrypto);
  if (result.kind === 'refused') throw new Error(result.reason.detail);
  return result.value;
}

describe('what an endorsement says of itself', () => {
  let milan: TestChip;
  let turin: TestChip;
  let intel: IntelScene;
  before(async () => {
    milan = await testChip('Milan', { hwId: HW_ID });
    turin = await testChip('Turin', { kind: 'VLEK' });
    intel = await intelScene('TDX');
  });

  it("names AMD's certificates by product and role, and keys by chip and firmware", () => {
    const { ark, ask, asvk } = milan.hierarchy;
    const stems = [ark, ask, asvk].map(({ certificate }) => described('certificate', certificate).stem);
    expect(stems).to.deep.equal(['amd-milan-ark', 'amd-milan-ask', 'amd-milan-asvk']);
    const vcek = described('certificate', milan.chip.certificate);
    expect(vcek).to.include({ stem: 'amd-milan-vcek-abababababababab-4-0-24-219', platform: 'amd-sev-snp' });
    expect(described('certificate', turin.chip.certificate).stem).to.equal(
      'amd-turin-vlek-cn-emulated-provider-1-3-2-5-97',
    );
  });

  it('gives what replaces it the same name', () => {
    const { hierarchy, tcb, hwId } = milan.chip;
    const again = issueSnpChip(hierarchy, fixedSurroundings(), { tcb, hwId });
    expect(again.certificate).to.not.deep.equal(milan.chip.certificate);
    expect(described('certificate', again.certificate).stem).to.equal(
      described('certificate', milan.chip.certificate).stem,
    );
  });

  it('knows when a list is due, and the product of its issuer', () => {
    expect(described('crl', milan.crl)).to.deep.include({
      stem: 'ark-milan',
      subject: { kind: 'amd-crl', product: 'Milan' },
      valid: { fromMs: CURRENT_MS[0], untilMs: CURRENT_MS[1] },
    });
  });

  it('knows the key in a certificate table', () => {
    const table = described('snp-certificate-table', certificateTableOf(milan.chip, milan.crl));
    expect(table.subject.kind).to.equal('amd-table');
    expect(table.stem).to.equal('amd-milan-vcek-abababababababab-4-0-24-219');
  });

  it('holds collateral valid no longer than the first of its parts', async () => {
    const issuedMs = AT_MS - DAY_MS;
    const shorter = [issuedMs, AT_MS + DAY_MS] as const;
    const bytes = await mintCollateral(intel.pki, { tee: 'TDX', issuedMs }, { pckCrlValidMs: shorter });
    expect(described('intel-collateral', bytes)).to.deep.include({
      platform: 'intel-tdx',
      stem: `intel-tdx-${FMSPC}`,
      subject: { kind: 'intel-collateral', tee: 'TDX', fmspc: FMSPC },
      valid: { fromMs: issuedMs, untilMs: AT_MS + DAY_MS },
    });
  });

  it('tells key sets apart by their bytes', () => {
    const sets = ['{"keys":[{"kid":"a"}]}', '{"keys":[]}'].map((text) => described('jwk-set', utf8(text)));
    expect(sets[0]?.about).to.include('a');
    expect(sets[0]?.stem)
      .to.match(/^keys-[0-9a-f]{12}$/)
      .and.not.equal(sets[1]?.stem);
    expect(sets[0]?.valid).to.equal(undefined);
  });

  it('makes a harmless file name of any common name', async () => {
    const evil = (name: string) => testHierarchy('Milan', { ark: () => ({ subject: emulatedName(name) }) });
    for (const name of ['../../etc/passwd', 'C:\\nul', '.', 'x'.repeat(300)]) {
      const { ark } = await evil(name);
      expect(described('certificate', ark.certificate).stem, name).to.match(/^[a-z0-9-]{1,80}$/);
    }
  });

  it('refuses bytes that are not of the kind', async () => {
    const collateral = new TextDecoder().decode((await intel.collateral()).bytes);
    const wrong: readonly (readonly [EndorsementKind, Uint8Array])[] = [
      ...ENDORSEMENT_KINDS.map((kind) => [kind, utf8('nothing of the kind')] as const),
      ...ENDORSEMENT_KINDS.map((kind) => [kind, new Uint8Array(0)] as const),
      ['certificate', milan.crl],
      ['crl', milan.chip.certificate],
      ['snp-certificate-table', writeCertificateTable([])],
      ['intel-collateral', utf8(collateral.replaceAll('nextUpdate', 'lastUpdate'))],
      ['intel-collateral', utf8(collateral.replaceAll(/nextUpdate\\":\\"[^"\\]*/g, 'nextUpdate\\":\\"soon'))],
      ['jwk-set', utf8('{"keys":{}}')],
    ];
    for (const [kind, bytes] of wrong) {
      expect(describeEndorsement({ kind, bytes }, nodeCrypto).kind, `${kind} ${bytes.length}`).to.equal('refused');
    }
  });

  it('says nothing of other lists and certificates but their names', async () => {
    const other = described('certificate', derOf(intel.machine.pck));
    expect(other.subject).to.deep.equal({ kind: 'other' });
    expect(other.platform).to.equal(undefined);
    const { ark } = await testHierarchy('Milan', { ark: () => ({ subject: emulatedName('ARK-Rome') }) });
    expect(described('crl', mintAmdCrl(ark, { validMs: CURRENT_MS })).subject).to.deep.equal({ kind: 'other' });
  });
});
