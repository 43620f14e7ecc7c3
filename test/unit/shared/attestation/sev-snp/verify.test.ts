import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { spkiOf } from '#infra/emulator/sev-snp/certificate.ts';
import { certificateTableOf } from '#infra/emulator/sev-snp/certificate-table.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { sevSnp, verifySnpReport } from '#shared/attestation/sev-snp/verify.ts';
import { EMPTY, toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { webCrypto } from '#shared/crypto/web.ts';
import {
  amdKeys,
  CURRENT_MS,
  codes,
  codesOf,
  MEASUREMENT,
  REPORT_DATA,
  type TestChip,
  testChip,
  verifyUnder,
} from '#test/fakes/tee/amd.ts';
import { AT_MS } from '#test/fakes/tee/emulator.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';

const BYTE_BITS = 8;

describe('SNP verifier', () => {
  let device: TestChip;
  before(async () => {
    device = await testChip();
  });

  for (const product of ['Milan', 'Genoa', 'Turin'] as const) {
    for (const kind of ['VCEK', 'VLEK'] as const) {
      it(`accepts every version of report from ${product} under a ${kind}`, async () => {
        for (const version of [2, 3, 5] as const) {
          expect(await codesOf({ product, leaf: { kind }, contents: { version } }), `${version}`).to.deep.equal([]);
        }
      });
    }
  }

  it('proves the claims of a report under a named root', async () => {
    const { kind, claims } = await verifyUnder(device, device.report(), device.endorsements);
    expect(kind).to.equal('verified');
    expect(claims?.root).to.deep.equal(rootOf(device));
    expect(claims?.measurements['MEASUREMENT']).to.equal(toHex(MEASUREMENT));
    expect(claims?.reportData).to.deep.equal(REPORT_DATA);
    expect(claims).to.include({ platform: 'amd-sev-snp', debug: false, issuedAtMs: undefined, tcb: undefined });
    expect(claims?.nonce).to.deep.equal(EMPTY);
    expect(claims?.concerns).to.deep.equal([]);
    expect([claims?.validFromMs, claims?.validUntilMs]).to.deep.equal([AT_MS - 3_600_000, CURRENT_MS[1]]);
    expect(claims?.details['chain']).to.match(/CN=ARK-Milan.* > .*CN=SEV-Milan.* > .*CN=SEV-VCEK/);
  });

  it('answers the same where WebCrypto verifies', async () => {
    const context = { anchors: [device.anchor], atMs: AT_MS, crypto: webCrypto(globalThis.crypto) };
    expect((await verifySnpReport(device.report(), device.endorsements, context)).kind).to.equal('verified');
    const altered = device.report({}, { alter: (report) => report.set([1], 0x50) });
    expect(codes(await verifySnpReport(altered, device.endorsements, context))).to.deep.equal(['SIGNATURE_INVALID']);
  });

  it('refuses the emulator where nobody names its root, and names no claims', async () => {
    const document = device.report();
    const context = { anchors: VENDOR_ANCHORS, atMs: AT_MS, crypto: nodeCrypto };
    const result = await sevSnp.verify(
      { platform: 'amd-sev-snp', document, endorsements: device.endorsements },
      context,
    );
    expect(codes(result)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(result.claims).to.equal(undefined);
  });

  it('refuses a root that is pinned for another platform', async () => {
    const anchor = { ...device.anchor, platform: 'intel-tdx' } as const;
    expect(codes(await verifyUnder({ anchor }, device.report(), device.endorsements))).to.deep.equal([
      'CHAIN_UNTRUSTED_ROOT',
    ]);
  });

  it('names debugging and other codes together', async () => {
    const contents = { policy: 0xb_0000n } as const;
    const { claims } = await verifyUnder(device, device.report(contents), device.endorsements);
    expect(claims?.debug).to.equal(true);
    const altered = device.report(contents, { alter: (report) => report.set([1], 0x50) });
    const result = await verifyUnder(device, altered, device.endorsements);
    expect([codes(result), result.claims?.debug]).to.deep.equal([['SIGNATURE_INVALID'], true]);
  });

  describe('signature', () => {
    it('by another key is refused', async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
      const report = device.report({}, { signingKey: privateKey });
      expect(codes(await verifyUnder(device, report, device.endorsements))).to.deep.equal(['SIGNATURE_INVALID']);
    });

    it('of zeros is refused, with the reason why a host leaves it out', async () => {
      const zeros = (report: Uint8Array): void => void report.fill(0, 0x2a0);
      const plain = await verifyUnder(device, device.report({}, { alter: zeros }), device.endorsements);
      expect(codes(plain)).to.deep.equal(['SIGNATURE_INVALID']);
      const rewrite = (report: Uint8Array): void => report.set([2], 0x48);
      const masked = await verifyUnder(device, device.report({}, { rewrite, alter: zeros }), device.endorsements);
      expect(masked).to.have.nested.property('reasons[0].detail').that.includes('not to use the key of the chip');
    });

    it('by a key on another curve is refused untried', async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      expect(await codesOf({ leaf: { bend: () => ({ spki: spkiOf(privateKey) }) } })).to.deep.equal([
        'ALG_NOT_ALLOWED',
      ]);
      const { ask } = await amdKeys();
      expect(await codesOf({ leaf: { bend: () => ({ spki: spkiOf(ask) }) } })).to.deep.equal(['ALG_NOT_ALLOWED']);
    });

    it('big-endian is refused', async () => {
      const alter = (report: Uint8Array): void => {
        for (const start of [0x2a0, 0x2a0 + 72]) report.subarray(start, start + 48).reverse();
      };
      const result = await verifyUnder(device, device.report({}, { alter }), device.endorsements);
      expect(codes(result)).to.deep.equal(['SIGNATURE_INVALID']);
    });

    it('of no key is refused', async () => {
      const rewrite = (report: Uint8Array): void => report.set([7 << 2], 0x48);
      const result = await verifyUnder(device, device.report({}, { rewrite }), device.endorsements);
      expect(codes(result)).to.deep.equal(['SIGNING_KEY_KIND_MISMATCH']);
    });
  });

  describe('whichever byte was altered', () => {
    const crypto = memoCrypto();
    it('the report is refused', async () => {
      const context = { anchors: [device.anchor], atMs: AT_MS, crypto };
      const document = device.report();
      for (let offset = 0; offset < document.length; offset++) {
        const mask = 1 << (offset % BYTE_BITS);
        const altered = document.map((byte, index) => (index === offset ? byte ^ mask : byte));
        const result = await verifySnpReport(altered, device.endorsements, context);
        expect(result.kind, `byte ${offset}`).to.equal('refused');
      }
    });

    it('of a certificate or list, the report is refused', async () => {
      const context = { anchors: [device.anchor], atMs: AT_MS, crypto };
      const document = device.report();
      for (const [which, { kind, bytes }] of device.endorsements.entries()) {
        for (let offset = 0; offset < bytes.length; offset += 3) {
          const mask = 1 << (offset % BYTE_BITS);
          const altered = bytes.map((byte, index) => (index === offset ? byte ^ mask : byte));
          const endorsements = device.endorsements.with(which, { kind, bytes: altered });
          const result = await verifySnpReport(document, endorsements, context);
          expect(result.kind, `endorsement ${which}, byte ${offset}`).to.equal('refused');
        }
      }
    });

    it('of the table, the report is refused unless the byte is padding or a GUID of something else', async () => {
      const context = { anchors: [device.anchor], atMs: AT_MS, crypto };
      const table = certificateTableOf(device.chip);
      const document = device.report();
      for (let offset = 0; offset < 4 * 24; offset++) {
        const altered = table.map((byte, index) => (index === offset ? byte ^ 0x10 : byte));
        const endorsements = [{ kind: 'snp-certificate-table', bytes: altered }] as const;
        const result = await verifySnpReport(document, endorsements, context);
        expect(result.kind, `byte ${offset}`).to.equal('refused');
      }
    });
  });

  it('trusts AMD’s three roots', () => {
    expect(sevSnp.anchors.map(({ name, emulated }) => [name, emulated])).to.deep.equal([
      ['AMD ARK-Milan', false],
      ['AMD ARK-Genoa', false],
      ['AMD ARK-Turin', false],
    ]);
  });
});

function rootOf({ anchor: { name, platform, sha256, emulated } }: TestChip): object {
  return { name, platform, sha256, emulated };
}
