import { expect } from 'chai';
import type { DeviceChain } from '#infra/emulator/nvidia/pki.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import { parsePolicy } from '#shared/attestation/policy.ts';
import { fromHex, toHex } from '#shared/bytes/bytes.ts';
import { anchorOf, CONTENTS, codes, deviceChain, FIRMWARE, NOW_MS, verifyReport } from './gpu.ts';

const flip = (offset: number) => (bytes: Uint8Array) => bytes.map((byte, i) => (i === offset ? byte ^ 1 : byte));

describe('NVIDIA GPU verifier', () => {
  let device: DeviceChain;
  before(async () => {
    device = await deviceChain();
  });

  it('proves the claims of a report under a pinned root', async () => {
    const { claims } = await verifyReport(device);
    expect(claims).to.deep.include({
      platform: 'nvidia-gpu',
      measurements: {
        MEASUREMENT1: '01'.repeat(48),
        MEASUREMENT2: '02'.repeat(48),
        MEASUREMENT64: '40'.repeat(48),
      },
      debug: false,
      attributes: {
        chip: 'GH100',
        vbios_version: '96.00.A5.00.01',
        driver_version: '590.12',
        protected_pcie: false,
      },
      reportData: CONTENTS.requestNonce,
      nonce: CONTENTS.requestNonce,
      issuedAtMs: undefined,
      validUntilMs: Date.UTC(9999, 11, 31, 23, 59, 59),
      root: { name: 'emulator', platform: 'nvidia-gpu', sha256: device.sha256, emulated: true },
    });
    expect(claims?.details['responseNonce']).to.equal(toHex(CONTENTS.responseNonce));
    expect(claims?.checks.join()).to.include('not revocation').and.include('not against reference measurements');
  });

  it('is refused where nobody names its root', async () => {
    const result = await verifyReport(device, { anchors: VENDOR_ANCHORS });
    expect(codes(result)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(result.claims).to.equal(undefined);
  });

  it('is refused without certificates, with others than certificates, and with too many', async () => {
    expect(codes(await verifyReport(device, { endorsements: [] }))).to.deep.equal(['ENDORSEMENT_MISSING']);
    const crl = { kind: 'crl', bytes: Uint8Array.of(0x30) } as const;
    expect(codes(await verifyReport(device, { endorsements: [...device.endorsements, crl] }))).to.deep.equal([
      'MALFORMED',
    ]);
    const many = [...device.endorsements, ...device.endorsements, ...device.endorsements];
    expect(codes(await verifyReport(device, { endorsements: many }))).to.deep.equal(['MALFORMED']);
  });

  it('is refused with a chain that is cut or out of order', async () => {
    const [leaf, identity, root] = device.endorsements;
    if (leaf === undefined || identity === undefined || root === undefined) throw new Error('three certificates');
    expect(codes(await verifyReport(device, { endorsements: [leaf, identity] }))).to.deep.equal([
      'CHAIN_UNTRUSTED_ROOT',
    ]);
    expect(codes(await verifyReport(device, { endorsements: [leaf, root] }))).to.include('CHAIN_INVALID');
    expect(codes(await verifyReport(device, { endorsements: [root, identity, leaf] }))).to.include.members([
      'CHAIN_UNTRUSTED_ROOT',
      'SIGNATURE_INVALID',
    ]);
    expect(
      codes(await verifyReport(device, { endorsements: [{ ...leaf, bytes: new Uint8Array(9) }, identity, root] })),
    ).to.deep.equal(['CHAIN_INVALID']);
  });

  it('is refused when a byte of what is signed, or of the signature, is another', async () => {
    for (const offset of [4, 36, 60, 250]) {
      const result = await verifyReport(device, { defects: { alterSigned: flip(offset) } });
      expect(codes(result), `${offset}`).to.include('SIGNATURE_INVALID');
    }
    const altered = await verifyReport(device, { defects: { alterSignature: flip(95) } });
    expect(codes(altered)).to.deep.equal(['SIGNATURE_INVALID']);
    expect(altered.claims, 'for explanation').to.be.an('object');
  });

  it('judges the signature of a report that it cannot read', async () => {
    const cut = await verifyReport(device, { defects: { alterSignature: (signature) => signature.subarray(1) } });
    expect(codes(cut)).to.deep.equal(['MALFORMED', 'SIGNATURE_INVALID']);
    for (const length of [0, 1, 95, 96, 97]) {
      const result = await verifyReport(device, { document: new Uint8Array(length) });
      expect(codes(result), `${length}`).to.deep.equal(['MALFORMED', 'SIGNATURE_INVALID']);
    }
    const signed = await verifyReport(device, { defects: { rewriteHeader: flip(0) } });
    expect(codes(signed)).to.deep.equal(['MALFORMED']);
  });

  it('is refused larger than any device writes', async () => {
    expect(codes(await verifyReport(device, { document: new Uint8Array(33 * 1024) }))).to.deep.equal(['MALFORMED']);
  });

  it('is refused under a device key on another curve', async () => {
    const chain = await deviceChain({ curve: 'P-256' });
    expect(codes(await verifyReport(device, { chain }))).to.include('ALG_NOT_ALLOWED');
  });

  it('is refused outside the validity of a certificate', async () => {
    const chain = await deviceChain({ notAfterMs: NOW_MS });
    expect(codes(await verifyReport(device, { chain, atMs: NOW_MS + 999 }))).to.deep.equal([]);
    expect(codes(await verifyReport(device, { chain, atMs: NOW_MS + 1000 }))).to.deep.equal(['CERT_EXPIRED']);
    const early = await verifyReport(device, { atMs: NOW_MS - 2 * 86_400_000 });
    expect(codes(early)).to.deep.equal(['CERT_NOT_YET_VALID', 'CERT_NOT_YET_VALID', 'CERT_NOT_YET_VALID']);
    expect(codes(await verifyReport(device, { atMs: Date.UTC(9999, 11, 31) }))).to.deep.equal([]);
  });

  it('is refused for other firmware than the certificate was issued for', async () => {
    const other = await verifyReport(device, { contents: { opaque: [[20, new Uint8Array(48)]] } });
    expect(codes(other)).to.deep.equal(['CHAIN_INVALID']);
    expect(other.kind === 'refused' && other.reasons[0]).to.include({ wanted: toHex(FIRMWARE) });
    const unnamed = await deviceChain({ firmwareId: undefined });
    expect(codes(await verifyReport(device, { chain: unnamed }))).to.deep.equal(['CHAIN_INVALID']);
    const broken = await deviceChain({ rewriteExtension: (value) => value.subarray(0, 20) });
    expect(codes(await verifyReport(device, { chain: broken }))).to.deep.equal(['CHAIN_INVALID']);
    const sha256 = await deviceChain({ rewriteExtension: withSha256 });
    expect(codes(await verifyReport(device, { chain: sha256 }))).to.deep.equal(['CHAIN_INVALID']);
  });

  it('may name no firmware, as a switch does', async () => {
    const { claims } = await verifyReport(device, { contents: { opaque: [] } });
    expect(claims?.attributes).to.deep.equal({ chip: 'GH100' });
  });

  it('names no chip that its certificate does not', async () => {
    for (const commonName of ['lower case', 'X'.repeat(17), 'GH100']) {
      const chain = await deviceChain({ commonName });
      const { claims } = await verifyReport(device, { chain });
      expect(claims?.attributes, commonName).to.be.an('object').and.not.have.property('chip');
    }
  });

  it('is appraised by chip, versions and measurements', async () => {
    const { claims } = await verifyReport(device);
    if (claims === undefined) throw new Error('claims');
    const { name, sha256 } = anchorOf(device);
    const judged = (measurements: object, attributes: object): readonly string[] => {
      const enclave = { name: 'ours', platform: 'nvidia-gpu', measurements, attributes };
      const roots = [{ name, platform: 'nvidia-gpu', sha256, emulated: true }];
      return appraise(claims, [parsePolicy({ enclaves: [enclave], roots })], NOW_MS).map(({ code }) => code);
    };
    const attributes = { chip: 'GH100', vbios_version: '96.00.A5.00.01' };
    expect(judged({ MEASUREMENT64: '40'.repeat(48) }, attributes)).to.deep.equal([]);
    expect(judged({ MEASUREMENT3: '40'.repeat(48) }, attributes)).to.deep.equal(['MEASUREMENT_MISMATCH']);
    expect(judged({}, { ...attributes, driver_version: '1' })).to.deep.equal(['CLAIM_MISMATCH']);
    expect(() => judged({ MEASUREMENT1: '01'.repeat(48) }, {})).to.throw('must state chip and vbios_version');
    expect(() => judged({ MEASUREMENT255: '01'.repeat(48) }, attributes)).to.throw('MEASUREMENT255');
  });
});

/** The extension with the OID of SHA-256 in the place of SHA-384's. */
function withSha256(value: Uint8Array): Uint8Array {
  const name = toHex(value).replace('0609608648016503040202', '0609608648016503040201');
  return fromHex(name) ?? value;
}
