import { expect } from 'chai';
import { hclReportData } from '#infra/emulator/azure/hcl.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import { encodeAzureDocument } from '#shared/attestation/azure/document.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { AcceptedEnclave, AppraisalPolicy } from '#shared/attestation/policy.ts';
import { referenceProblems } from '#shared/attestation/reference-values.ts';
import { concat, EMPTY, toHex } from '#shared/bytes/bytes.ts';
import { AT_MS, codesOf, flipped, NONCE } from '../tpm/machine.ts';
import { type Bent, PARAVISOR, partsOf, snpVm, tdxVm, type Vm, verifyDocument, verifyParts, verifyVm } from './vm.ts';

/** Where the runtime claims begin in an HCL report. */
const CLAIMS_AT = 32 + 1184 + 20;

describe('Azure confidential VM verifier', () => {
  let snp: Vm;
  let tdx: Vm;
  before(async () => {
    [snp, tdx] = await Promise.all([snpVm(), tdxVm()]);
  });

  const refusal = async (vm: Vm, bent: Bent): Promise<readonly string[]> => codesOf(await verifyVm(vm, bent));

  it('proves hardware, registers and nonce of a VM on SEV-SNP', async () => {
    const result = await verifyVm(snp);
    expect(result.kind === 'refused' ? result.reasons : []).to.deep.equal([]);
    const { claims } = result;
    expect(claims?.platform).to.equal('azure-cvm');
    expect(claims?.root).to.deep.include({ platform: 'amd-sev-snp', emulated: true });
    expect(claims?.measurements).to.include({ MEASUREMENT: toHex(PARAVISOR), PCR11: '00'.repeat(32) });
    expect(claims?.attributes).to.include({
      hardware: 'SEV-SNP',
      vmpl: 0,
      secure_boot: true,
      console_enabled: true,
      tpm_persisted: true,
      vm_unique_id: 'E0000000-0000-4000-8000-00000000000E',
      user_data: '00'.repeat(64),
    });
    expect(claims?.levels).to.include({ 'tcb.snp': 24 });
    expect([claims?.reportData, claims?.nonce]).to.deep.equal([NONCE, NONCE]);
    expect([claims?.debug, claims?.concerns]).to.deep.equal([false, []]);
    expect(claims?.details).to.include({ resetCount: '4' });
    expect(claims?.details['hardwareReportData']).to.match(/^[0-9a-f]{64}0{64}$/);
    expect(claims?.checks.join()).to.contain('the hash of the runtime claims').and.contain('quote of the vTPM');
  });

  it('proves a VM on TDX by the quote for its report, with what Intel says of the platform', async () => {
    const result = await verifyVm(tdx, { runtime: { userData: Uint8Array.of(7), secureBoot: false } });
    expect(result.kind === 'refused' ? result.reasons : []).to.deep.equal([]);
    const { claims } = result;
    expect(claims?.root.platform).to.equal('intel-tdx');
    expect(claims?.measurements).to.include({ MRTD: toHex(PARAVISOR), RTMR0: '00'.repeat(48) });
    expect(claims?.attributes).to.include({ hardware: 'TDX', secure_boot: false, user_data: `07${'00'.repeat(63)}` });
    expect(claims?.tcb?.status).to.equal('UpToDate');
  });

  it('takes each hash that the paravisor can use, and a report without the zeros of its index', async () => {
    for (const [hash, hashType] of [
      ['sha384', 2],
      ['sha512', 3],
    ] as const) {
      const reportData = (claims: Uint8Array): Uint8Array => hclReportData(claims, hash);
      expect(await refusal(snp, { reportData, hcl: { hashType } }), hash).to.deep.equal([]);
      expect(await refusal(snp, { hcl: { hashType } }), hash).to.deep.equal(['RUNTIME_DATA_BINDING_INVALID']);
    }
    expect(await refusal(snp, { hcl: { rest: EMPTY } })).to.deep.equal([]);
  });

  it('claims no user data where the firmware has no such claim', async () => {
    const result = await verifyVm(snp, { rewriteRuntime: (claims) => ({ ...claims, 'user-data': undefined }) });
    expect(result.kind).to.equal('verified');
    expect(result.claims?.attributes).to.not.have.property('user_data');
  });

  it('refuses runtime claims that the hardware does not vouch for', async () => {
    for (const vm of [snp, tdx]) {
      const result = await verifyVm(vm, { alterClaims: (claims) => flipped(claims, 30) });
      expect(codesOf(result)).to.deep.equal(['RUNTIME_DATA_BINDING_INVALID']);
      expect(result.claims).to.equal(undefined);
      // A hash that something else follows: the hardware would vouch for that too.
      const reportData = (claims: Uint8Array): Uint8Array => flipped(hclReportData(claims), 63);
      expect(await refusal(vm, { reportData })).to.deep.equal(['RUNTIME_DATA_BINDING_INVALID']);
    }
  });

  it('refuses any byte of the runtime claims that was altered', async () => {
    const parts = await partsOf(snp);
    const end = parts.hcl.findLastIndex((byte) => byte !== 0) + 1;
    for (let offset = CLAIMS_AT; offset < end; offset += 41) {
      const result = await verifyParts({ ...parts, hcl: flipped(parts.hcl, offset) }, snp);
      expect(codesOf(result), `byte ${offset}`).to.deep.equal(['RUNTIME_DATA_BINDING_INVALID']);
    }
  });

  it('refuses a hardware report that was altered', async () => {
    expect(await refusal(snp, { alterReport: (report) => flipped(report, 0x90) })).to.deep.equal(['SIGNATURE_INVALID']);
    expect(await refusal(snp, { alterReport: (report) => flipped(report, 0x4c) })).to.deep.equal(['MALFORMED']);
    const foreign = { ...snp, endorsements: [] };
    expect(await refusal(foreign, {})).to.deep.equal(['ENDORSEMENT_MISSING']);
    expect(await refusal({ ...snp, anchors: tdx.anchors }, {})).to.include('CHAIN_UNTRUSTED_ROOT');
  });

  it('refuses a TD report without its quote', async () => {
    const { tdQuote: _, ...parts } = await partsOf(tdx);
    const result = await verifyParts(parts, tdx);
    expect(codesOf(result)).to.deep.equal(['QUOTE_MISSING']);
    expect(result.kind === 'refused' && result.reasons[0]?.detail).to.contain('TD quote');
  });

  it('refuses a genuine quote for another TD report', async () => {
    const other = await partsOf(tdx, { runtime: { userData: Uint8Array.of(1) } });
    const { tdQuote = EMPTY } = other;
    const result = await verifyVm(tdx, { parts: { tdQuote } });
    expect(codesOf(result)).to.deep.equal(['TD_QUOTE_NOT_FOR_THIS_TD_REPORT']);
    expect(result.kind === 'refused' && result.reasons.map(({ detail }) => detail)).to.deep.equal([
      'the TD quote has another REPORTDATA than the TD report',
    ]);
  });

  it('refuses a TD report that cannot be read, with all that is wrong with its quote', async () => {
    const alterReport = (report: Uint8Array): Uint8Array => flipped(report, 256 + 40);
    expect(await refusal(tdx, { alterReport })).to.deep.equal(['MALFORMED']);
    const tdQuote = flipped((await partsOf(tdx)).tdQuote ?? EMPTY, 48 + 200);
    expect(await refusal(tdx, { parts: { tdQuote } })).to.deep.equal([
      'SIGNATURE_INVALID',
      'TD_QUOTE_NOT_FOR_THIS_TD_REPORT',
    ]);
    expect(await refusal(tdx, { parts: { tdQuote: Uint8Array.of(1) } })).to.deep.equal(['MALFORMED']);
  });

  it('refuses a TD quote beside a report of SEV-SNP', async () => {
    expect(await refusal(snp, { parts: { tdQuote: Uint8Array.of(1) } })).to.deep.equal(['MALFORMED']);
  });

  it('refuses a quote of the vTPM that the key in the runtime claims did not sign', async () => {
    const alterSignature = (signature: Uint8Array): Uint8Array => flipped(signature, 100);
    const result = await verifyVm(snp, { quote: { alterSignature } });
    expect(codesOf(result)).to.deep.equal(['TPM_QUOTE_SIGNATURE_INVALID']);
    expect(result.claims?.nonce).to.deep.equal(NONCE);
    expect(await refusal(tdx, { quote: { alterQuote: (quote) => flipped(quote, 45) } })).to.deep.equal([
      'TPM_QUOTE_SIGNATURE_INVALID',
    ]);
  });

  it('refuses a quote that is none, or without its registers', async () => {
    expect(await refusal(snp, { quote: { magic: 0 } })).to.deep.equal(['MALFORMED']);
    expect(await refusal(snp, { quote: { type: 0x8017 } })).to.deep.equal(['MALFORMED']);
    expect(await refusal(snp, { quote: { pcrDigest: new Uint8Array(32) } })).to.deep.equal(['PCR_DIGEST_MISMATCH']);
    const { tpm, ...parts } = await partsOf(snp);
    if (tpm === undefined) throw new Error('no quote');
    const pcrs = new Map([['sha256' as const, new Map<number, Uint8Array>()]]);
    expect(codesOf(await verifyParts({ ...parts, tpm: { ...tpm, pcrs } }, snp))).to.deep.equal(['PCR_DIGEST_MISMATCH']);
    const without = await verifyParts(parts, snp);
    expect(codesOf(without)).to.deep.equal(['QUOTE_MISSING']);
    expect([without.claims?.nonce, without.claims?.measurements['PCR0']]).to.deep.equal([EMPTY, undefined]);
  });

  it('refuses a signature over SHA-1', async () => {
    const hash = { name: 'sha1', algorithm: 0x0004 };
    expect(await refusal(snp, { quote: { hash } })).to.deep.equal(['ALG_NOT_ALLOWED']);
  });

  it('refuses runtime claims without a key, though the hardware vouches for them', async () => {
    expect(await refusal(snp, { rewriteRuntime: (claims) => ({ ...claims, keys: [] }) })).to.deep.equal(['MALFORMED']);
  });

  it('refuses what is no document or no HCL report', async () => {
    expect(codesOf(await verifyDocument(Uint8Array.of(0xa0), snp))).to.deep.equal(['MALFORMED']);
    expect(await refusal(snp, { hcl: { signature: 'HCLB' } })).to.deep.equal(['MALFORMED']);
    const document = concat(encodeAzureDocument(await partsOf(snp)), Uint8Array.of(0));
    expect(codesOf(await verifyDocument(document, snp))).to.deep.equal(['TRAILING_DATA']);
  });

  it('lists everything that is wrong at once', async () => {
    const bent: Bent = {
      alterReport: (report) => flipped(report, 0x90),
      quote: { pcrDigest: new Uint8Array(32), alterSignature: (signature) => flipped(signature, 100) },
    };
    expect(await refusal({ ...snp, anchors: [] }, bent)).to.have.members([
      'CHAIN_UNTRUSTED_ROOT',
      'SIGNATURE_INVALID',
      'TPM_QUOTE_SIGNATURE_INVALID',
      'PCR_DIGEST_MISMATCH',
    ]);
  });

  describe('under a policy', () => {
    const appraised = async (vm: Vm, enclave: Partial<AcceptedEnclave>): Promise<readonly string[]> => {
      const { claims } = await verifyVm(vm);
      if (claims === undefined) throw new Error('no claims');
      return appraise(claims, [policyOf(claims, enclave)], AT_MS).map(({ code }) => code);
    };

    it('is held to the defaults of its own hardware and of no other', async () => {
      expect(await appraised(snp, {})).to.deep.equal([]);
      expect(await appraised(tdx, {})).to.deep.equal([]);
      expect(await appraised(snp, { attributes: { vmpl: 1 } })).to.deep.equal(['VMPL_MISMATCH']);
      expect(await appraised(tdx, { attributes: { sept_ve_disable: false } })).to.deep.equal(['CLAIM_MISMATCH']);
      const { claims } = await verifyVm(tdx);
      if (claims === undefined) throw new Error('no claims');
      const open = { ...claims, attributes: { ...claims.attributes, sept_ve_disable: false } };
      expect(appraise(open, [policyOf(claims, {})], AT_MS).map(({ code }) => code)).to.deep.equal(['CLAIM_MISMATCH']);
      // Where the hardware is what it is, an attribute that is missing is a mismatch.
      const { sept_ve_disable: _, ...silent } = claims.attributes;
      const without = { ...claims, attributes: silent };
      expect(appraise(without, [policyOf(claims, {})], AT_MS).map(({ code }) => code)).to.deep.equal([
        'CLAIM_MISMATCH',
      ]);
    });

    it('must be told by its hardware and by what was booted', () => {
      const problems = (measurements: AcceptedEnclave['measurements'], minimums: AcceptedEnclave['minimums'] = {}) =>
        referenceProblems({ platform: 'azure-cvm', measurements, minimums });
      const digest = '00'.repeat(48);
      const register = '00'.repeat(32);
      const tcb = { 'tcb.bootloader': 0, 'tcb.tee': 0, 'tcb.snp': 0, 'tcb.microcode': 0 };
      expect(problems({ MEASUREMENT: digest, PCR4: register }, tcb)).to.deep.equal([]);
      expect(problems({ MRTD: digest, PCR11: register })).to.deep.equal([]);
      for (const stated of [
        { MEASUREMENT: digest },
        { MRTD: digest },
        { PCR4: register },
        { MRTD: digest, PCR7: register },
      ]) {
        expect(problems(stated, tcb), Object.keys(stated).join()).to.have.length(1);
      }
    });
  });
});

function policyOf({ measurements, root }: Claims, enclave: Partial<AcceptedEnclave>): AppraisalPolicy {
  const { platform, sha256 } = root;
  return {
    enclaves: [{ name: 'aggregator', platform: 'azure-cvm', measurements: { ...measurements }, ...enclave }],
    roots: [{ name: 'EMULATED', platform, sha256, emulated: true }],
  };
}
