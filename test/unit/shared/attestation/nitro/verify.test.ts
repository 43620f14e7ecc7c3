import { expect } from 'chai';
import { type DocumentContents, type DocumentDefects, mintDocument } from '#infra/emulator/document.ts';
import { debugRegisters } from '#infra/emulator/registers.ts';
import { anchorsFor, VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { encodeCbor } from '#shared/attestation/cbor/encode.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { concat, toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { type Bend, type MintedChain, mintChain, newKeys } from '#test/fakes/tee/certificates.ts';
import { contentsOf, type FakePlatform, fakePlatform, NOW_MS, policyFor } from '#test/fakes/tee/enclave.ts';

const lengthen = (payload: Uint8Array): Uint8Array => concat(payload, Uint8Array.of(0));
const dropFirst: NonNullable<DocumentDefects['rewriteEntries']> = (entries) => entries.slice(1);
const flipByte30 = (payload: Uint8Array): Uint8Array => payload.map((byte, index) => (index === 30 ? byte ^ 1 : byte));
const shorten = (signature: Uint8Array): Uint8Array => signature.subarray(1);
const flipBits = (signature: Uint8Array): Uint8Array => signature.map((byte) => byte ^ 1);
const unversioned: Bend = () => ({ version: new Uint8Array(0) });
const nameless: Bend = () => ({ subject: Uint8Array.of(0x30, 0x01, 0x00) });

describe('Nitro verifier', () => {
  let platform: FakePlatform;
  before(async () => {
    platform = await fakePlatform();
  });

  const verify = (
    document: Uint8Array,
    atMs = NOW_MS,
    endorsements: readonly Endorsement[] = [],
  ): Promise<Verification> =>
    verifyEvidence(
      { platform: 'aws-nitro', document, endorsements },
      { anchors: anchorsFor([policyFor(platform)]), atMs, crypto: nodeCrypto },
    );
  const minted = (defects: DocumentDefects = {}, contents: Partial<DocumentContents> = {}): Promise<Uint8Array> =>
    mintDocument(platform.chain, { ...contentsOf(platform), ...contents }, defects);

  it('proves the claims of a document under a named root', async () => {
    const result = await verify(
      await minted({}, { userData: Uint8Array.of(1), nonce: Uint8Array.of(2), publicKey: Uint8Array.of(3) }),
    );
    expect(result.kind).to.equal('verified');
    const { claims } = result;
    expect(claims?.root).to.deep.equal({
      name: 'emulator',
      platform: 'aws-nitro',
      sha256: platform.root.sha256,
      emulated: true,
    });
    expect(claims?.measurements['PCR0']).to.equal(toHex(platform.pcrs.get(0) ?? new Uint8Array(0)));
    expect([claims?.debug, claims?.issuedAtMs]).to.deep.equal([false, NOW_MS]);
    expect([claims?.reportData, claims?.nonce]).to.deep.equal([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(claims?.details).to.include({ publicKey: '03' });
    expect(claims?.details['chain']).to.match(/^C=ZZ.* > .*enc/);
    expect(claims?.validUntilMs).to.equal(platform.chain.notAfterMs);
  });

  it('takes a tagged document for the same content', async () => {
    const document = await minted();
    const plain = await verify(document);
    const tagged = await verify(concat(Uint8Array.of(0xd2), document));
    expect([plain.kind, tagged.kind]).to.deep.equal(['verified', 'verified']);
    expect(tagged.claims?.details['contentSha256']).to.equal(plain.claims?.details['contentSha256']);
  });

  it('refuses the emulator where nobody names its root', async () => {
    const evidence = { platform: 'aws-nitro', document: await minted(), endorsements: [] } as const;
    const result = await verifyEvidence(evidence, { anchors: VENDOR_ANCHORS, atMs: NOW_MS, crypto: nodeCrypto });
    expect(codes(result)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(result.claims).to.equal(undefined);
  });

  it('claims debug when PCR0 is zero', async () => {
    const { claims } = await verify(await minted({}, { pcrs: debugRegisters() }));
    expect(claims?.debug).to.equal(true);
  });

  it('refuses bytes after the document', async () => {
    expect(codes(await verify(await minted({ trailing: Uint8Array.of(0) })))).to.deep.equal(['TRAILING_DATA']);
  });

  it('refuses bytes after the payload', async () => {
    expect(codes(await verify(await minted({ rewritePayload: lengthen })))).to.deep.equal(['TRAILING_DATA']);
  });

  it('refuses a document larger than any device writes, and endorsements next to one', async () => {
    expect(codes(await verify(new Uint8Array(16 * 1024 + 257)))).to.deep.equal(['MALFORMED']);
    expect(codes(await verify(await minted(), NOW_MS, [{ kind: 'crl', bytes: Uint8Array.of(1) }]))).to.deep.equal([
      'MALFORMED',
    ]);
  });

  it('refuses a document that does not show PCR0', async () => {
    const document = await minted({}, { pcrs: new Map([[1, new Uint8Array(48)]]) });
    expect(codes(await verify(document))).to.deep.equal(['MALFORMED']);
  });

  it('names a foreign algorithm without trying the signature', async () => {
    const protectedHeader = encodeCbor({ entries: [[1, -7]] });
    expect(codes(await verify(await minted({ protectedHeader })))).to.deep.equal(['ALG_NOT_ALLOWED']);
  });

  it('names a foreign algorithm along with a malformed payload', async () => {
    const protectedHeader = encodeCbor({ entries: [[1, -36]] });
    expect(codes(await verify(await minted({ protectedHeader, rewriteEntries: dropFirst })))).to.deep.equal([
      'ALG_NOT_ALLOWED',
      'MALFORMED',
    ]);
  });

  it('refuses a payload that was altered after signing, and a signature of another key', async () => {
    const altered = await verify(await minted({ alterPayload: flipByte30 }));
    expect(codes(altered)).to.include.oneOf(['SIGNATURE_INVALID', 'MALFORMED']);
    const { chain } = await fakePlatform();
    const result = await verify(await minted({ signingKey: chain.leafKey }));
    expect(codes(result)).to.deep.equal(['SIGNATURE_INVALID']);
    expect(result.claims, 'for explanation').to.be.an('object');
  });

  it('refuses a signature of another length', async () => {
    expect(codes(await verify(await minted({ alterSignature: shorten })))).to.deep.equal(['SIGNATURE_INVALID']);
  });

  it('lists everything that is wrong at once', async () => {
    const result = await verify(await minted({ alterSignature: flipBits }), NOW_MS + 4 * 3_600_000);
    expect(codes(result)).to.deep.equal(['SIGNATURE_INVALID', 'CERT_EXPIRED']);
  });

  it('stops at a time that is no time, which is our bug', async () => {
    for (const atMs of [Number.NaN, Infinity, 0.5]) {
      const failure = await verify(new Uint8Array(0), atMs).then(() => undefined, String);
      expect(failure, `${atMs}`).to.include('whole number');
    }
  });

  describe('with a chain made for the test', () => {
    it('refuses a leaf key that is not on P-384', async () => {
      expect(await chainCodes({}, ['P-384', 'P-384', 'P-256'])).to.deep.equal(['ALG_NOT_ALLOWED']);
    });

    it('refuses certificates that it cannot read, and still judges the signature', async () => {
      expect(await chainCodes({ 1: unversioned })).to.deep.equal(['CHAIN_INVALID']);
      expect(await chainCodes({ 2: unversioned })).to.deep.equal(['CHAIN_INVALID']);
    });

    it('refuses a subject that is no name', async () => {
      expect(await chainCodes({ 2: nameless })).to.deep.equal(['CHAIN_INVALID']);
    });

    it('tells an altered root from a foreign one', async () => {
      const trusted: readonly string[] = [];
      expect(await chainCodes({}, [], trusted)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
      const foreignKey = newKeys();
      const unsigned: Bend = (fields) => ({
        spki: new Uint8Array(foreignKey.publicKey.export({ type: 'spki', format: 'der' })),
        serial: fields.serial,
      });
      expect(await chainCodes({ 0: unsigned }, [], trusted)).to.deep.equal([
        'CHAIN_INVALID',
        'CHAIN_INVALID',
        'CHAIN_UNTRUSTED_ROOT',
      ]);
    });
  });

  async function chainCodes(
    bends: Readonly<Record<number, Bend>>,
    curves: readonly string[] = [],
    trusted?: readonly string[],
  ): Promise<readonly string[]> {
    const made: MintedChain = mintChain(NOW_MS, bends, curves);
    const [root = new Uint8Array(0), middle = new Uint8Array(0), leaf = new Uint8Array(0)] = made.chain;
    const sha256 = toHex(nodeCrypto.digest('sha256', root));
    const anchors = (trusted ?? [sha256]).map(
      (fingerprint) =>
        ({ kind: 'certificate', name: 'test', platform: 'aws-nitro', sha256: fingerprint, emulated: true }) as const,
    );
    const namedCurve = curves[2] ?? 'P-384';
    const leafKey = made.leafKeys.privateKey.toCryptoKey({ name: 'ECDSA', namedCurve }, true, ['sign']);
    const chain = { cabundle: [root, middle], certificate: leaf, leafKey, notAfterMs: NOW_MS };
    const document = await mintDocument(chain, contentsOf(platform));
    return codes(
      await verifyEvidence(
        { platform: 'aws-nitro', document, endorsements: [] },
        { anchors, atMs: NOW_MS, crypto: nodeCrypto },
      ),
    );
  }
});

function codes(result: Verification): readonly string[] {
  return result.kind === 'refused' ? result.reasons.map(({ code }) => code) : [];
}
