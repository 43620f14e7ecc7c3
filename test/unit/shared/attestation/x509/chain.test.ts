import { expect } from 'chai';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { commonValidity, type VerifiedChain, verifyChain } from '#shared/attestation/x509/chain.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { type Bend, mintChain } from '#test/fakes/tee/certificates.ts';

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const RULES = { platform: 'nvidia-gpu', allowed: ['ecdsa-sha384'] } as const;
const unreadable: Bend = () => ({ version: new Uint8Array(0) });
const nameless: Bend = () => ({ subject: Uint8Array.of(0x30, 0x01, 0x00) });

describe('a chain to a pinned root', () => {
  /** Verifies a minted chain, leaf first, under its own root. */
  async function verify(bends: Readonly<Record<number, Bend>> = {}, pinned = true): Promise<VerifiedChain> {
    const ders = mintChain(NOW_MS, bends).chain.toReversed();
    const anchors = pinned ? [anchorFor(ders.at(-1))] : [];
    return verifyChain(ders, RULES, { anchors, atMs: NOW_MS, crypto: nodeCrypto });
  }

  it('holds, leaf first', async () => {
    const { leaf, certificates, subjects, anchor, reasons } = await verify();
    expect(reasons).to.deep.equal([]);
    expect(subjects).to.deep.equal(['CN=leaf', 'CN=middle', 'CN=root']);
    expect(leaf).to.equal(certificates[0]);
    expect(anchor?.name).to.equal('test');
    expect(commonValidity(certificates)).to.deep.equal([NOW_MS - 43_200_000, NOW_MS + 43_200_000]);
  });

  it('is refused under a root that is not pinned, or pinned otherwise', async () => {
    expect(codes(await verify({}, false))).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    const ders = mintChain(NOW_MS).chain.toReversed();
    for (const bend of [{ kind: 'key' }, { platform: 'aws-nitro' }] as const) {
      const anchors = [{ ...anchorFor(ders.at(-1)), ...bend }];
      const chain = await verifyChain(ders, RULES, { anchors, atMs: NOW_MS, crypto: nodeCrypto });
      expect(codes(chain)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    }
  });

  it('is refused with a certificate that cannot be read, which is named by its place', async () => {
    for (const [index, bend] of [
      [2, unreadable],
      [1, nameless],
    ] as const) {
      const chain = await verify({ [index]: bend });
      expect(codes(chain)).to.deep.equal(['CHAIN_INVALID']);
      expect(chain.reasons[0]?.detail).to.include(`certificate ${3 - index} of 3`);
      expect(chain).to.deep.include({ certificates: [], subjects: [] });
    }
    expect((await verify({ 2: unreadable })).leaf).to.equal(undefined);
    expect((await verify({ 1: unreadable })).leaf, 'still read').to.be.an('object');
  });

  it('is refused with an algorithm that the platform does not use', async () => {
    const ders = mintChain(NOW_MS).chain.toReversed();
    const rules = { ...RULES, allowed: ['rsa-pkcs1-sha256'] } as const;
    const context = { anchors: [anchorFor(ders.at(-1))], atMs: NOW_MS, crypto: nodeCrypto };
    expect(codes(await verifyChain(ders, rules, context))).to.deep.equal(['ALG_NOT_ALLOWED', 'ALG_NOT_ALLOWED']);
  });

  it('is none when it is empty', async () => {
    const chain = await verifyChain([], RULES, { anchors: [], atMs: NOW_MS, crypto: nodeCrypto });
    expect(codes(chain)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(chain).to.deep.include({ leaf: undefined, certificates: [] });
  });
});

function anchorFor(root: Uint8Array | undefined): Anchor {
  const sha256 = toHex(nodeCrypto.digest('sha256', root ?? new Uint8Array(0)));
  return { kind: 'certificate', name: 'test', platform: 'nvidia-gpu', sha256, emulated: true };
}

function codes({ reasons }: VerifiedChain): readonly string[] {
  return reasons.map(({ code }) => code);
}
