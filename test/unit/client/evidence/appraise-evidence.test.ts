import { expect } from 'chai';
import { type AppraisedEvidence, appraiseEvidence, type RequiredBinding } from '#client/evidence/appraise-evidence.ts';
import { mintDocument } from '#infra/emulator/document.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { contentsOf, type FakePlatform, fakePlatform, NOW_MS, policyFor } from '#test/fakes/tee/enclave.ts';

const REPORT_DATA = new Uint8Array(64).fill(3);
const NONCE = new Uint8Array(20).fill(4);
const NOTHING: RequiredBinding = { nonce: undefined, reportData: undefined };

describe('evidence that belongs to no study', () => {
  let platform: FakePlatform;
  let evidence: Evidence;
  before(async () => {
    platform = await fakePlatform();
    const document = await mintDocument(platform.chain, { ...contentsOf(platform, REPORT_DATA), nonce: NONCE });
    evidence = { platform: 'aws-nitro', document, endorsements: [] };
  });

  const judged = (
    binding: RequiredBinding,
    policies: readonly AppraisalPolicy[] = [policyFor(platform)],
    atMs = NOW_MS,
  ): Promise<AppraisedEvidence> => appraiseEvidence(evidence, { policies, binding, atMs, crypto: nodeCrypto });
  const codes = ({ reasons }: AppraisedEvidence): readonly string[] => reasons.map(({ code }) => code);

  it('passes under a policy that names its root and its code', async () => {
    const { reasons, claims } = await judged(NOTHING);
    expect(reasons).to.deep.equal([]);
    expect(claims?.root.emulated).to.equal(true);
  });

  it('passes with the nonce and the report data that it holds', async () => {
    expect(await judged({ nonce: NONCE, reportData: REPORT_DATA })).to.have.deep.property('reasons', []);
  });

  it('is refused without a policy, since nothing is then required', async () => {
    expect(codes(await judged(NOTHING, []))).to.deep.equal(['CHAIN_UNTRUSTED_ROOT', 'POLICY_MISSING']);
  });

  it('is refused for another nonce, and the two are shown', async () => {
    const wanted = new Uint8Array(20).fill(5);
    const { reasons } = await judged({ ...NOTHING, nonce: wanted });
    expect(reasons).to.have.length(1);
    expect(reasons[0]).to.include({ code: 'NONCE_MISMATCH', found: toHex(NONCE), wanted: toHex(wanted) });
  });

  it('is refused for report data of another length, although it begins the same', async () => {
    expect(codes(await judged({ ...NOTHING, reportData: REPORT_DATA.subarray(0, 32) }))).to.deep.equal([
      'BINDING_MISMATCH',
    ]);
  });

  it('is refused for every reason at once', async () => {
    const { reasons } = await judged({ nonce: REPORT_DATA, reportData: NONCE }, undefined, NOW_MS + 86_400_000);
    const all = reasons.map(({ code }) => code);
    expect(all).to.include.members(['CERT_EXPIRED', 'NONCE_MISMATCH', 'BINDING_MISMATCH', 'EVIDENCE_TOO_OLD']);
  });

  it('says that it holds no nonce where it has none', async () => {
    const document = await mintDocument(platform.chain, contentsOf(platform, REPORT_DATA));
    const rules = { policies: [policyFor(platform)], binding: { ...NOTHING, nonce: NONCE }, atMs: NOW_MS };
    const { reasons } = await appraiseEvidence({ ...evidence, document }, { ...rules, crypto: nodeCrypto });
    expect(reasons[0]).to.include({ code: 'NONCE_MISMATCH', found: 'none' });
  });
});
