import { expect } from 'chai';
import type { SnpReportContents } from '#infra/emulator/sev-snp/report.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { AcceptedEnclave, AppraisalPolicy } from '#shared/attestation/policy.ts';
import { parsePolicy } from '#shared/attestation/policy.ts';
import { referenceProblems } from '#shared/attestation/reference-values.ts';
import { SNP_VOCABULARY } from '#shared/attestation/sev-snp/claims.ts';
import { verifySnpReport } from '#shared/attestation/sev-snp/verify.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { MEASUREMENT, type TestChip, testChip } from '#test/fakes/tee/amd.ts';
import { AT_MS } from '#test/fakes/tee/emulator.ts';

const HOST_DATA = new Uint8Array(32).fill(0xab);
const REFERENCE: AcceptedEnclave = {
  name: 'the guest',
  platform: 'amd-sev-snp',
  measurements: { MEASUREMENT: toHex(MEASUREMENT) },
  minimums: { 'tcb.bootloader': 4, 'tcb.tee': 0, 'tcb.snp': 24, 'tcb.microcode': 219 },
};

describe('claims of an SNP report', () => {
  let device: TestChip;
  before(async () => {
    device = await testChip();
  });

  async function claimsOf(contents: Partial<SnpReportContents> = {}, from: TestChip = device): Promise<Claims> {
    const context = { anchors: [from.anchor], atMs: AT_MS, crypto: nodeCrypto };
    const { claims } = await verifySnpReport(from.report(contents), from.endorsements, context);
    if (claims === undefined) throw new Error('the report gave no claims');
    return claims;
  }

  /** The codes under the reference values, as `bent`. */
  async function found(
    contents: Partial<SnpReportContents> = {},
    bent: Partial<AcceptedEnclave> = {},
  ): Promise<readonly string[]> {
    const { name, platform, sha256 } = device.anchor;
    const policy: AppraisalPolicy = {
      enclaves: [{ ...REFERENCE, ...bent }],
      roots: [{ name, platform, sha256, emulated: true }],
    };
    return appraise(await claimsOf(contents), [parsePolicy(policy)], AT_MS).map(({ code }) => code);
  }

  it('pass under reference values of their own', async () => {
    expect(await found()).to.deep.equal([]);
  });

  it('hold only names of the vocabulary, and all of them where they apply', async () => {
    const turin = await testChip('Turin', { kind: 'VLEK' });
    const claims = await claimsOf({ version: 5 }, turin);
    expect(Object.keys(claims.measurements).toSorted()).to.deep.equal(
      Object.keys(SNP_VOCABULARY.measurements).toSorted(),
    );
    expect(Object.keys(claims.attributes).toSorted()).to.deep.equal(Object.keys(SNP_VOCABULARY.attributes).toSorted());
    expect(Object.keys(claims.levels).toSorted()).to.deep.equal([...SNP_VOCABULARY.levels].toSorted());
    for (const [name, value] of Object.entries(claims.attributes)) {
      const type = SNP_VOCABULARY.attributes[name]?.type;
      expect(type === 'text' ? 'string' : type, name).to.equal(typeof value);
    }
    for (const [name, value] of Object.entries(claims.measurements))
      expect(value.length, name).to.equal(2 * (SNP_VOCABULARY.measurements[name] ?? 0));
  });

  it('have no level for what a product does not have', async () => {
    expect((await claimsOf()).levels).to.not.have.property('tcb.fmc');
    expect(await found({}, { minimums: { ...REFERENCE.minimums, 'tcb.fmc': 0 } })).to.deep.equal(['TCB_BELOW_MINIMUM']);
  });

  it('name product, key and provider', async () => {
    const lent = await testChip('Genoa', { kind: 'VLEK' });
    expect((await claimsOf({}, lent)).attributes).to.include({
      product: 'Genoa',
      signing_key: 'VLEK',
      csp_id: 'CN=EMULATED provider',
      chip_id: '00'.repeat(64),
    });
    const { attributes } = await claimsOf();
    expect(attributes).to.include({ product: 'Milan', signing_key: 'VCEK', chip_id: toHex(device.chip.hwId) });
    expect(attributes).to.not.have.property('csp_id');
  });

  it('are refused under another measurement, privilege level, host data', async () => {
    expect(await found({ measurement: new Uint8Array(48) })).to.deep.equal(['MEASUREMENT_MISMATCH']);
    expect(await found({ vmpl: 1 })).to.deep.equal(['VMPL_MISMATCH']);
    expect(await found({ vmpl: 0xffff_ffff }), 'asked for by the host').to.deep.equal(['VMPL_MISMATCH']);
    expect(await found({ vmpl: 1 }, { attributes: { vmpl: 1 } })).to.deep.equal([]);
    const attributes = { host_data: toHex(HOST_DATA) };
    expect(await found({}, { attributes })).to.deep.equal(['HOST_DATA_MISMATCH']);
    expect(await found({ hostData: HOST_DATA }, { attributes })).to.deep.equal([]);
  });

  it('are refused with debugging, and with a migration agent unless that is wanted', async () => {
    expect(await found({ policy: 0xb_0000n })).to.deep.equal(['DEBUG_ENABLED']);
    expect(await found({ policy: 0x7_0000n })).to.deep.equal(['CLAIM_MISMATCH']);
    expect(await found({ policy: 0x7_0000n }, { attributes: { migration_agent: true } })).to.deep.equal([]);
  });

  it('show what a policy may demand of guest and platform', async () => {
    const attributes = { smt_allowed: false, single_socket: true, alias_check_complete: true, tsme: false };
    expect(await found({ policy: 0x12_0000n }, { attributes })).to.deep.equal([]);
    expect(await found({}, { attributes })).to.deep.equal(['CLAIM_MISMATCH', 'CLAIM_MISMATCH']);
    const minimums = { ...REFERENCE.minimums, guest_svn: 2, 'abi.major': 1, 'abi.minor': 55 };
    expect(await found({ guestSvn: 2, policy: 0x3_0137n }, { minimums })).to.deep.equal([]);
    expect(await found({ guestSvn: 1 }, { minimums })).to.deep.equal(Array(3).fill('TCB_BELOW_MINIMUM'));
  });

  for (const which of ['committedTcb', 'launchTcb'] as const) {
    it(`are refused when only the ${which} is old`, async () => {
      for (const component of ['bootloader', 'snp', 'microcode'] as const) {
        const tcb = { ...device.chip.tcb, [component]: 1 };
        expect(await found({ [which]: tcb }), component).to.deep.equal(['TCB_BELOW_MINIMUM']);
      }
    });
  }

  it('are refused when the key is for an older TCB, although the machine runs a newer one', async () => {
    const older = { ...device.chip.tcb, snp: 1 };
    const rolledBack = await testChip('Milan', { tcb: older });
    const newer = device.chip.tcb;
    const claims = await claimsOf({ currentTcb: newer, committedTcb: newer, launchTcb: newer }, rolledBack);
    expect([
      claims.levels['tcb.snp'],
      claims.levels['reported_tcb.snp'],
      claims.levels['current_tcb.snp'],
    ]).to.deep.equal([1, 1, 24]);
  });

  it('can only be judged by a measurement and a minimum for each component', () => {
    expect(referenceProblems(REFERENCE)).to.deep.equal([]);
    const { minimums, ...without } = REFERENCE;
    expect(referenceProblems(without)).to.have.lengthOf(1);
    for (const missing of Object.keys(minimums ?? {})) {
      const rest = Object.fromEntries(Object.entries(minimums ?? {}).filter(([name]) => name !== missing));
      expect(referenceProblems({ ...without, minimums: rest }), missing).to.have.lengthOf(1);
    }
    expect(referenceProblems({ ...REFERENCE, measurements: { IMAGE_ID: '00'.repeat(16) } })).to.have.lengthOf(1);
  });
});
