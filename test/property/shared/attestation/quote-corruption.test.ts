import { expect } from 'chai';
import { derOf } from '#infra/emulator/certify.ts';
import type { QuoteContents } from '#infra/emulator/intel/quote.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { concat, toHex } from '#shared/bytes/bytes.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { type FakeIntel, fakeIntel, plainSgx, plainTd, quoteOf } from '#test/fakes/tee/intel.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';

/** Order of the P-256 group (SEC 2 section 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const S_BYTES = 32;

const TD_15 = plainTd({ teeTcbSvn2: Uint8Array.of(5, 1, 2), mrServiceTd: new Uint8Array(48).fill(9) });
const FORMS: Readonly<Record<string, QuoteContents>> = {
  'SGX quote of version 3': { version: 3, report: plainSgx() },
  'SGX quote of version 4': { version: 4, report: plainSgx() },
  'TDX quote of version 5': { version: 5, report: TD_15 },
};

for (const [name, contents] of Object.entries(FORMS)) {
  describe(`an altered ${name}`, () => {
    const crypto = memoCrypto();
    let intel: FakeIntel;
    let document: Uint8Array;
    let contentSha256: string | undefined;

    before(async () => {
      intel = await fakeIntel(name.startsWith('SGX') ? 'SGX' : 'TDX');
      const { pck, pki } = intel.machine;
      // As DER the chain has one spelling; in PEM white space may be altered and means nothing.
      const certification = [5, concat(...[pck, pki.authority, pki.root].map(derOf))] as const;
      document = await quoteOf(intel.machine, { certification }, contents);
      contentSha256 = await accepts(document);
      expect(contentSha256).to.be.a('string');
    });

    const accepts = async (bytes: Uint8Array): Promise<string | undefined> => {
      const { platform } = intel.anchor;
      const evidence: Evidence = { platform, document: bytes, endorsements: [] };
      const result = await verifyEvidence(evidence, { anchors: [intel.anchor], atMs: NOW_MS, crypto });
      return result.kind === 'verified' ? result.claims.details['contentSha256'] : undefined;
    };

    it('is refused whichever byte was altered', async () => {
      for (let offset = 0; offset < document.length; offset++) {
        // Another bit for each byte, so that flags and counts are hit in every position.
        const mask = 1 << (offset % 8);
        const altered = Uint8Array.from(document);
        altered[offset] = (altered[offset] ?? 0) ^ mask;
        expect(await accepts(altered), `byte ${offset}, mask ${mask}`).to.equal(undefined);
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

    // ECDSA: with (r, s) the pair (r, n - s) verifies as well, so bytes of a quote are no identity. Content is.
    it('with its signature negated, or padded, is the same content, not another', async () => {
      const at = (contents.version === 5 ? 54 : 48) + contents.report.length + 4 + S_BYTES;
      const s = BigInt(`0x${toHex(document.subarray(at, at + S_BYTES))}`);
      const negated = (ORDER - s).toString(16).padStart(2 * S_BYTES, '0');
      const twin = Uint8Array.from(document);
      twin.set(Buffer.from(negated, 'hex'), at);
      expect(await accepts(twin)).to.equal(contentSha256);
      expect(await accepts(concat(document, new Uint8Array(70)))).to.equal(contentSha256);
    });
  });
}
