import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { expect } from 'chai';
import { derOf } from '#infra/emulator/certify.ts';
import {
  createIntelPki,
  createIntelRoot,
  INTEL_SIGNING,
  type IntelBends,
  issuePck,
  sgxExtension,
} from '#infra/emulator/intel/pki.ts';
import { PLAIN_PLATFORM } from '#infra/emulator/intel/quote.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { type PckVerification, verifyPckChain } from '#shared/attestation/dcap/pck.ts';
import { concat } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { INTEL_SURROUNDINGS } from '#test/fakes/tee/intel.ts';

const YEAR_MS = 365 * 86_400_000;

/** A chain, root first, and the anchor that vouches for its root. */
interface Chain {
  readonly ders: readonly [root: Uint8Array, authority: Uint8Array, leaf: Uint8Array];
  readonly anchor: Anchor;
}

describe('PCK chain', () => {
  let plain: Chain;
  let other: Chain;
  before(async () => {
    [plain, other] = await Promise.all([chain(), chain({}, 'Processor')]);
  });

  it('is verified up to a pinned root, and says which platform it is for', async () => {
    const { reasons, chain: found } = await verify(plain);
    expect(reasons).to.deep.equal([]);
    expect(found?.anchor).to.deep.equal(plain.anchor);
    expect(found?.platform.fmspc).to.deep.equal(PLAIN_PLATFORM.fmspc);
    expect(found?.leaf.subjectText).to.include('CN=Intel SGX PCK Certificate');
    expect(found?.authority.subjectText).to.include('CN=Intel SGX PCK Platform CA');
  });

  it('may be one of the Processor CA', async () => {
    expect(codes(await verify(other))).to.deep.equal([]);
  });

  it('may come in any order, and some of it twice', async () => {
    const [root, authority, leaf] = plain.ders;
    for (const ders of [
      [leaf, authority, root],
      [authority, leaf, root],
      [leaf, root, authority],
      [leaf, leaf, authority, root, root],
    ]) {
      const result = await verify(plain, ders);
      expect(codes(result)).to.deep.equal([]);
      expect(result.chain?.root.der).to.deep.equal(root);
    }
  });

  it('is not trusted under a root that is pinned for another platform, or as a key', async () => {
    for (const anchor of [
      { ...plain.anchor, platform: 'intel-sgx' as const },
      { ...plain.anchor, kind: 'key' as const },
    ]) {
      const result = await verify({ ...plain, anchor });
      expect(codes(result)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
      expect(result.chain?.anchor).to.equal(undefined);
    }
  });

  const incomplete: Readonly<Record<string, (ders: Chain['ders']) => readonly Uint8Array[]>> = {
    'without its root': ([, authority, leaf]) => [authority, leaf],
    'without its CA': ([root, , leaf]) => [root, leaf],
    'of the leaf alone': ([, , leaf]) => [leaf],
  };
  for (const [name, pick] of Object.entries(incomplete)) {
    it(`is refused ${name}, and its leaf is known all the same`, async () => {
      const result = await verify(plain, pick(plain.ders));
      expect(codes(result)).to.include.members(['CHAIN_INVALID', 'CHAIN_UNTRUSTED_ROOT']);
      expect(result.chain).to.equal(undefined);
      expect(result.leaf?.der).to.deep.equal(plain.ders[2]);
    });
  }

  it('is refused without a PCK certificate, and with two', async () => {
    const none = await verify(plain, plain.ders.slice(0, 2));
    expect(codes(none)).to.deep.equal(['CHAIN_INVALID']);
    expect(none.leaf).to.equal(undefined);
    const two = await verify(plain, [...plain.ders, other.ders[2]]);
    expect(codes(two)).to.deep.equal(['CHAIN_INVALID']);
    expect(two.chain).to.equal(undefined);
  });

  it('is refused with a certificate that has no place in it', async () => {
    const result = await verify(plain, [...plain.ders, other.ders[1]]);
    expect(codes(result)).to.deep.equal(['CHAIN_INVALID']);
  });

  it('is refused when a certificate cannot be read, and its leaf is known all the same', async () => {
    const [root, authority, leaf] = plain.ders;
    const result = await verify(plain, [root, concat(authority, Uint8Array.of(0)), leaf]);
    expect(result.reasons).to.have.lengthOf(1);
    expect(result.reasons[0]).to.include({ code: 'CHAIN_INVALID' });
    expect(result.reasons[0]?.detail).to.include('certificate 2 of 3');
    expect(result.leaf?.der).to.deep.equal(leaf);
    expect(codes(await verify(plain, [root, authority, Uint8Array.of(1)]))).to.deep.equal(['CHAIN_INVALID']);
  });

  it('is refused before and after any of its certificates is valid', async () => {
    expect(codes(await verify(plain, plain.ders, NOW_MS - YEAR_MS))).to.deep.equal(
      Array.from({ length: 3 }, () => 'CERT_NOT_YET_VALID'),
    );
    expect(codes(await verify(plain, plain.ders, NOW_MS + 8 * YEAR_MS))).to.deep.equal(['CERT_EXPIRED']);
  });

  it('is refused when a certificate is signed by another key', async () => {
    const { privateKey: signingKey } = await newKeys('P-256');
    for (const bends of [{ pck: () => ({ signingKey }) }, { authority: () => ({ signingKey }) }]) {
      expect(codes(await verify(await chain(bends)))).to.deep.equal(['CHAIN_INVALID']);
    }
  });

  it('tells an altered root from a foreign one', async () => {
    const { privateKey: signingKey } = await newKeys('P-256');
    const bent = await chain({ root: () => ({ signingKey }) });
    expect(codes(await verify({ ...bent, anchor: plain.anchor }))).to.deep.equal([
      'CHAIN_INVALID',
      'CHAIN_UNTRUSTED_ROOT',
    ]);
  });

  it('is refused when it is longer than Intel makes it', async () => {
    const above = await createIntelRoot({ surroundings: INTEL_SURROUNDINGS });
    const root = () => ({
      subject: 'CN=EMULATED intermediate',
      issuer: above.certificate.subject,
      signingKey: above.keys.privateKey,
    });
    const { ders, anchor } = await chain({ root });
    const longer = await verify({ ders, anchor: { ...anchor, sha256: above.sha256 } }, [derOf(above), ...ders]);
    expect(codes(longer)).to.deep.equal(['CHAIN_INVALID', 'CHAIN_INVALID']);
    expect(longer.reasons[0]).to.include({ found: '4' });
    expect(longer.chain).to.equal(undefined);
  });

  const bent: Readonly<Record<string, readonly [IntelBends, string]>> = {
    'whose leaf has another common name': [{ pck: () => ({ subject: 'CN=Intel SGX PCK' }) }, 'CHAIN_INVALID'],
    'whose leaf has no common name': [{ pck: () => ({ subject: 'O=EMULATED' }) }, 'CHAIN_INVALID'],
    'whose CA has another common name': [
      { authority: () => ({ subject: 'CN=Intel SGX PCK Board CA' }) },
      'CHAIN_INVALID',
    ],
    'whose leaf is an authority': [
      {
        pck: ({ extensions }) => ({
          extensions: [new x509.BasicConstraintsExtension(true, 0, true), ...extensions.slice(2)],
        }),
      },
      'CHAIN_INVALID',
    ],
    'whose CA is no authority': [
      { authority: () => ({ extensions: [new x509.BasicConstraintsExtension(false, undefined, true)] }) },
      'CHAIN_INVALID',
    ],
    'whose leaf may not sign': [
      {
        pck: ({ extensions: [constraints, , sgx] }) => ({
          extensions: [constraints, new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyAgreement, true), sgx].flatMap(
            (extension) => extension ?? [],
          ),
        }),
      },
      'CHAIN_INVALID',
    ],
    'whose leaf states its platform wrongly': [
      {
        pck: ({ extensions }) => ({
          extensions: [...extensions.slice(0, 2), sgxExtension({ ...PLAIN_PLATFORM, fmspc: new Uint8Array(5) })],
        }),
      },
      'CHAIN_INVALID',
    ],
    'whose leaf holds a critical extension that is not understood': [
      {
        pck: ({ extensions }) => ({
          extensions: [...extensions, new x509.Extension('1.2.3', true, new Uint8Array(2))],
        }),
      },
      'CHAIN_INVALID',
    ],
    'whose leaf has a key on P-384': [{ pck: () => ({ namedCurve: 'P-384' }) }, 'ALG_NOT_ALLOWED'],
  };
  for (const [name, [bends, code]] of Object.entries(bent)) {
    it(`is refused ${name}`, async () => {
      const result = await verify(await chain(bends));
      expect(new Set(codes(result))).to.deep.equal(new Set([code]));
    });
  }
});

async function chain(bends: IntelBends = {}, authority: 'Platform' | 'Processor' = 'Platform'): Promise<Chain> {
  const options = { surroundings: INTEL_SURROUNDINGS, bends, authority };
  const pki = await createIntelPki(options);
  const pck = await issuePck(pki, PLAIN_PLATFORM, options);
  return {
    ders: [derOf(pki.root), derOf(pki.authority), derOf(pck)],
    anchor: { kind: 'certificate', name: 'test', platform: 'intel-tdx', sha256: pki.root.sha256, emulated: true },
  };
}

function verify({ ders, anchor }: Chain, given: readonly Uint8Array[] = ders, atMs = NOW_MS): Promise<PckVerification> {
  return verifyPckChain(given, 'intel-tdx', { anchors: [anchor], atMs, crypto: nodeCrypto });
}

function codes({ reasons }: PckVerification): readonly string[] {
  return reasons.map(({ code }) => code);
}

function newKeys(namedCurve: string): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ ...INTEL_SIGNING, namedCurve }, true, ['sign', 'verify']);
}
