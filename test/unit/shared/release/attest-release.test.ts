import { expect } from 'chai';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { attestReleaseBy } from '#shared/release/attest-release.ts';
import type { ReleaseEvidence } from '#shared/release/statement.ts';
import { type FakePlatform, fakePlatform, MANIFEST_DIGEST, policyFor, statementOf } from '#test/fakes/tee/enclave.ts';

describe('evidence of a release', () => {
  let platform: FakePlatform;
  let evidence: ReleaseEvidence;
  before(async () => {
    platform = await fakePlatform();
    const { evidence: shown, kemKey, signingKey, nonceRoot } = await statementOf(platform);
    evidence = { ...shown, kemKey, signingKey, nonceRoot };
  });

  async function codeOf(shown: ReleaseEvidence, manifestDigest = MANIFEST_DIGEST): Promise<string> {
    const attest = attestReleaseBy([policyFor(platform)], crypto);
    return attest(shown, manifestDigest).then(
      () => 'attested',
      (fault: unknown) => (fault instanceof Fault ? fault.code : String(fault)),
    );
  }

  it('is attested at its own time, for its keys and manifest', async () => {
    const proof = await attestReleaseBy([policyFor(platform)], crypto)(evidence, MANIFEST_DIGEST);
    expect(proof.signingKey).to.deep.equal(evidence.signingKey);
    expect(proof.anyNonceBecause).to.be.a('string');
  });

  it('is refused for another key, manifest, nonce root or platform', async () => {
    expect(await codeOf({ ...evidence, signingKey: new Uint8Array(32).fill(9) })).to.equal('EVIDENCE_REFUSED');
    expect(await codeOf({ ...evidence, kemKey: new Uint8Array(1216) })).to.equal('EVIDENCE_REFUSED');
    expect(await codeOf({ ...evidence, nonceRoot: new Uint8Array(32) })).to.equal('EVIDENCE_REFUSED');
    expect(await codeOf(evidence, new Uint8Array(32))).to.equal('EVIDENCE_REFUSED');
    expect(await codeOf({ ...evidence, platform: 'abacus' })).to.equal('EVIDENCE_REFUSED');
    expect(await codeOf({ ...evidence, document: new Uint8Array(100) })).to.equal('EVIDENCE_REFUSED');
  });

  it('is refused under a policy that does not know its root', async () => {
    const { roots: _, ...withoutRoots } = policyFor(platform);
    const attempt = attestReleaseBy([withoutRoots], crypto)(evidence, MANIFEST_DIGEST);
    const fault: unknown = await attempt.catch((thrown: unknown) => thrown);
    expect(fault instanceof Fault && fault.code).to.equal('EVIDENCE_REFUSED');
  });
});
