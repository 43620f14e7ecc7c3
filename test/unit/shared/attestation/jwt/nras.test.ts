import { expect } from 'chai';
import { type Json, newTokenKey, type TokenKey } from '#infra/emulator/tokens/jws.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { codes, NOW_MS, TIMES, verifyToken } from './service.ts';

const PLATFORM = 'nvidia-nras';
const NONCE = 'ab'.repeat(32);
const NRAS: Json = {
  ...TIMES,
  sub: 'NVIDIA-PLATFORM-ATTESTATION',
  'x-nvidia-ver': '3.0',
  iss: 'https://nras.attestation.nvidia.com',
  'x-nvidia-overall-att-result': true,
  submods: { 'GPU-0': ['DIGEST', ['SHA-256', 'cd'.repeat(32)]] },
  eat_nonce: NONCE,
};

describe('NVIDIA Remote Attestation Service', () => {
  let key: TokenKey;
  before(() => {
    key = newTokenKey('ES384');
  });

  async function claimsOf(bend: Json): Promise<Claims> {
    const result = await verifyToken(PLATFORM, key, { ...NRAS, ...bend });
    if (result.kind === 'refused') throw new Error(result.reasons.map(({ detail }) => detail).join());
    return result.claims;
  }

  it('proves its verdict and the nonce under a pinned key', async () => {
    const claims = await claimsOf({});
    expect(claims).to.deep.include({ measurements: {}, debug: false, nonce: utf8(NONCE) });
    expect(toHex(claims.reportData)).to.equal(NONCE);
    expect(claims.attributes).to.include({
      overall_result: true,
      sub: 'NVIDIA-PLATFORM-ATTESTATION',
      claims_version: '3.0',
      'submods.GPU-0.1.1': 'cd'.repeat(32),
    });
  });

  it('takes a nonce of 32 bytes for report data, and no other', async () => {
    for (const eat_nonce of ['ab', `${NONCE}00`, 'x'.repeat(64), undefined, 5]) {
      expect((await claimsOf({ eat_nonce })).reportData).to.have.lengthOf(0);
    }
    expect(toHex((await claimsOf({ eat_nonce: NONCE.toUpperCase() })).reportData)).to.equal(NONCE);
  });

  it('is in debug mode where it says so', async () => {
    expect((await claimsOf({ dbgstat: 'enabled' })).debug).to.equal(true);
    expect((await claimsOf({ dbgstat: 'disabled' })).debug).to.equal(false);
  });

  it('passes only with the verdict that all is well', async () => {
    for (const [result, wanted] of [
      [true, []],
      [false, ['CLAIM_MISMATCH']],
      ['true', ['CLAIM_MISMATCH']],
      [undefined, ['CLAIM_MISMATCH']],
    ] as const) {
      const claims = await claimsOf({ 'x-nvidia-overall-att-result': result });
      const { name, platform, sha256, emulated } = claims.root;
      const roots = [{ kind: 'key', name, platform, sha256, emulated } as const];
      const policy = { enclaves: [{ name: 'ours', platform: PLATFORM, measurements: {} } as const], roots };
      expect(
        appraise(claims, [policy], NOW_MS).map(({ code }) => code),
        String(result),
      ).to.deep.equal(wanted);
    }
  });

  it('is refused from another issuer, as a local verifier is', async () => {
    for (const iss of ['LOCAL_GPU_VERIFIER', 'https://nras.attestation.nvidia.com.evil.example', undefined]) {
      expect(codes(await verifyToken(PLATFORM, key, { ...NRAS, iss }))).to.deep.equal(['ISSUER_MISMATCH']);
    }
  });

  it('is refused with another algorithm', async () => {
    expect(codes(await verifyToken(PLATFORM, newTokenKey('ES256'), NRAS))).to.deep.equal(['ALG_NOT_ALLOWED']);
  });
});
