import { expect } from 'chai';
import { mintDocument } from '#infra/emulator/document.ts';
import { anchorsFor } from '#shared/attestation/anchors.ts';
import { encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { parseSign1, signedBytes } from '#shared/attestation/cose/sign1.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { concat, toHex } from '#shared/bytes/bytes.ts';
import { contentsOf, fakePlatform, NOW_MS, policyFor } from '#test/fakes/tee/enclave.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';

/** Order of the P-384 group (SEC 2 section 2.5.1). */
const ORDER = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;
const SIGNATURE_HALF = 48;

describe('an altered Nitro document', () => {
  const crypto = memoCrypto();
  let document: Uint8Array;
  let contentSha256: string | undefined;
  let accepts: (bytes: Uint8Array) => Promise<string | undefined>;

  before(async () => {
    const platform = await fakePlatform();
    const anchors = anchorsFor([policyFor(platform)]);
    accepts = async (bytes) => {
      const evidence = { platform: 'aws-nitro', document: bytes, endorsements: [] } as const;
      const result = await verifyEvidence(evidence, { anchors, atMs: NOW_MS, crypto });
      return result.kind === 'verified' ? result.claims.details['contentSha256'] : undefined;
    };
    document = await mintDocument(platform.chain, contentsOf(platform, Uint8Array.of(1, 2, 3)));
    contentSha256 = await accepts(document);
    expect(contentSha256).to.be.a('string');
  });

  it('is refused whichever byte was altered', async () => {
    for (let offset = 0; offset < document.length; offset++) {
      // Another bit for each byte, so that flags and counts are hit in every position.
      const mask = 1 << (offset % 8);
      const altered = document.map((byte, index) => (index === offset ? byte ^ mask : byte));
      expect(await accepts(altered), `byte ${offset}, mask ${mask}`).to.equal(undefined);
    }
  });

  it('is refused when any bit of the envelope outside payload and signature was altered', async () => {
    for (let offset = 0; offset < 10; offset++) {
      for (let mask = 1; mask < 256; mask++) {
        const altered = document.map((byte, index) => (index === offset ? byte ^ mask : byte));
        expect(await accepts(altered), `byte ${offset}, mask ${mask}`).to.equal(undefined);
      }
    }
  });

  it('is refused when cut short at any length', async () => {
    for (let length = 0; length < document.length; length++) {
      expect(await accepts(document.subarray(0, length)), `${length} bytes`).to.equal(undefined);
    }
  });

  it('is refused when any byte was doubled or left out', async () => {
    for (let offset = 0; offset < document.length; offset += 7) {
      const doubled = concat(document.subarray(0, offset + 1), document.subarray(offset));
      const without = concat(document.subarray(0, offset), document.subarray(offset + 1));
      expect(await accepts(doubled), `byte ${offset} doubled`).to.equal(undefined);
      expect(await accepts(without), `byte ${offset} left out`).to.equal(undefined);
    }
  });

  // ECDSA: with (r, s) the pair (r, n - s) verifies as well, so bytes of a document are no identity. Content is.
  it('with its signature negated is the same content, not another', async () => {
    const s = BigInt(`0x${toHex(document.subarray(-SIGNATURE_HALF))}`);
    const negated = (ORDER - s).toString(16).padStart(2 * SIGNATURE_HALF, '0');
    const twin = concat(document.subarray(0, -SIGNATURE_HALF), Uint8Array.from(Buffer.from(negated, 'hex')));
    expect(await accepts(twin)).to.equal(contentSha256);
  });

  it('in another spelling of its envelope is the same content, not another', async () => {
    const message = parseSign1(document);
    expect(toHex(crypto.digest('sha256', signedBytes(message)))).to.equal(contentSha256);
    const parts = [message.protectedBytes, { entries: [] }, message.payload, message.signature].map((part) =>
      encodeCbor(part),
    );
    const indefinite = concat(Uint8Array.of(0x9f), ...parts, Uint8Array.of(0xff));
    expect(await accepts(indefinite)).to.equal(contentSha256);
  });
});
