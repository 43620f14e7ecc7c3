import { webcrypto } from 'node:crypto';
import { expect } from 'chai';
import { type DocumentDefects, mintDocument } from '#infra/emulator/document.ts';
import { type ChainOptions, issueChain, LEAF_VALID_MS } from '#infra/emulator/pki.ts';
import { debugRegisters } from '#infra/emulator/registers.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { concat, toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { AT_MS, fixedSurroundings, type TestDevice, testDevice } from '#test/fakes/tee/emulator.ts';

describe('mintDocument', () => {
  let device: TestDevice;
  before(async () => {
    device = await testDevice();
  });

  const refusalsOf = async (document: Uint8Array, atMs = AT_MS): Promise<readonly string[]> => {
    const verification = await verify(document, [device.anchor], atMs);
    return verification.kind === 'refused' ? verification.reasons.map(({ code }) => code) : [];
  };

  it('verifies when the anchors name the emulator root, and the claims say emulated', async () => {
    const verification = await verify(await device.mint(), [...VENDOR_ANCHORS, device.anchor]);
    if (verification.kind !== 'verified') throw new Error(JSON.stringify(verification.reasons));
    const { claims } = verification;
    expect(claims.root).to.deep.equal({
      name: 'EMULATED test root',
      platform: 'aws-nitro',
      sha256: device.root.sha256,
      emulated: true,
    });
    expect(claims.measurements['PCR0']).to.equal(toHex(device.contents.pcrs.get(0) ?? new Uint8Array(0)));
    expect(claims.reportData).to.deep.equal(new Uint8Array(64).fill(7));
    expect(claims.debug).to.equal(false);
    expect(claims.details['chain']?.split(' > ').every((name) => name.includes('EMULATED'))).to.equal(true);
  });

  it('is refused when only the vendors are trusted', async () => {
    const verification = await verify(await device.mint(), VENDOR_ANCHORS);
    expect(verification.kind).to.equal('refused');
    if (verification.kind === 'refused') {
      expect(verification.reasons.map(({ code }) => code)).to.include('CHAIN_UNTRUSTED_ROOT');
    }
  });

  it('holds certificates of at most 1024 bytes, as the format demands', () => {
    for (const certificate of [...device.chain.cabundle, device.chain.certificate]) {
      expect(certificate.length).to.be.at.most(1024);
    }
  });

  it('is refused once its leaf, valid for three hours, has ended', async () => {
    const document = await device.mint();
    expect(await refusalsOf(document, AT_MS + LEAF_VALID_MS - 6 * 60_000)).to.deep.equal([]);
    expect(await refusalsOf(document, AT_MS + LEAF_VALID_MS)).to.not.deep.equal([]);
  });

  it('shows debug mode by registers of zero', async () => {
    const verification = await verify(await device.mint({ pcrs: debugRegisters() }), [device.anchor]);
    expect(verification.kind === 'verified' && verification.claims.debug).to.equal(true);
  });

  const defects: Readonly<Record<string, DocumentDefects>> = {
    'an altered payload': { alterPayload: flipUserData },
    'an altered signature': { alterSignature: flipLast },
    'a signature cut short': { alterSignature: (signature) => signature.slice(1) },
    'another algorithm in the protected header': { protectedHeader: Uint8Array.of(0xa1, 0x01, 0x26) },
    'an entry in the unprotected header': { unprotectedHeader: { entries: [[4, 'kid']] } },
    'bytes behind its end': { trailing: Uint8Array.of(0) },
    'an unknown field': { rewriteEntries: (entries) => [...entries, ['extra', 1]] },
    'another digest name': {
      rewriteEntries: (entries) => entries.map((entry) => (entry[0] === 'digest' ? ['digest', 'SHA256'] : entry)),
    },
    'a field twice': {
      rewritePayload: (payload) => concat(Uint8Array.of(0xaa), payload.slice(1), payload.slice(1, 35)),
    },
    'registers of the wrong size': {
      rewriteEntries: (entries) =>
        entries.map((entry) => (entry[0] === 'pcrs' ? ['pcrs', { entries: [[0, new Uint8Array(20)]] }] : entry)),
    },
  };
  for (const [what, defect] of Object.entries(defects)) {
    it(`is refused with ${what}`, async () =>
      expect(await refusalsOf(await device.mint({}, defect))).to.not.deep.equal([]));
  }

  for (const field of ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle']) {
    it(`is refused without ${field}`, async () => {
      const document = await device.mint({}, { rewriteEntries: (entries) => entries.filter(([key]) => key !== field) });
      expect(await refusalsOf(document)).to.not.deep.equal([]);
    });
  }

  it('is refused when another key signed it', async () => {
    const { privateKey } = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, [
      'sign',
      'verify',
    ]);
    expect(await refusalsOf(await device.mint({}, { signingKey: privateKey }))).to.deep.equal(['SIGNATURE_INVALID']);
  });

  it('is refused when its root only looks like the named one', async () => {
    const impostor = await testDevice();
    expect(await refusalsOf(await impostor.mint())).to.include('CHAIN_UNTRUSTED_ROOT');
  });

  const chains: Readonly<Record<string, Partial<ChainOptions>>> = {
    'a leaf that has expired': { leafValidMs: 60_000 },
    'intermediates that are no authorities': { intermediatesAreCa: false },
    'a path length that is too short': { zonalPathLength: 0 },
    'a chain that is not valid yet': { atMs: AT_MS + 86_400_000 },
  };
  for (const [what, bent] of Object.entries(chains)) {
    it(`is refused with ${what}`, async () => {
      const options = { moduleId: device.contents.moduleId, atMs: AT_MS, ...bent };
      const chain = await issueChain(device.root, options, fixedSurroundings());
      expect(await refusalsOf(await mintDocument(chain, device.contents))).to.not.deep.equal([]);
    });
  }

  it('verifies with the COSE tag in front, which some devices write', async () => {
    expect(await refusalsOf(await device.mint({}, { tagged: true }))).to.deep.equal([]);
  });
});

function flipUserData(payload: Uint8Array): Uint8Array {
  const altered = Uint8Array.from(payload);
  const at = Buffer.from(payload).indexOf(Buffer.alloc(64, 7));
  altered[at] = 8;
  return altered;
}

function verify(document: Uint8Array, anchors: readonly Anchor[], atMs = AT_MS): Promise<Verification> {
  const evidence = { platform: 'aws-nitro', document, endorsements: [] } as const;
  return verifyEvidence(evidence, { anchors, atMs, crypto: nodeCrypto });
}

function flipLast(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
}
