import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { GoogleChainOptions } from '#infra/emulator/tokens/google-pki.ts';
import { newTokenKey } from '#infra/emulator/tokens/jws.ts';
import { pinOf } from '#infra/emulator/tokens/key-set.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { mintCertificate, mintChain, newKeys, plainFields } from '#test/fakes/tee/certificates.ts';
import { codes, NOW_MS } from './service.ts';
import { DIGEST, newSpace, PLATFORM, REPORT_DATA, type Space } from './space.ts';

const DAY_MS = 86_400_000;

describe('a token of Google with its chain', () => {
  let space: Space;
  before(async () => {
    space = await newSpace();
  });

  async function chainCodes(options: Partial<GoogleChainOptions>, atMs = NOW_MS): Promise<readonly string[]> {
    return codes(await space.verify({ chain: await space.issue(options), atMs }));
  }

  it('proves the claims under a pinned root', async () => {
    const { claims } = await space.verify();
    expect(claims).to.deep.include({
      platform: PLATFORM,
      measurements: { IMAGE_DIGEST: toHex(DIGEST), IMAGE_ID: toHex(DIGEST) },
      debug: false,
      tcb: { status: 'UpToDate', advisories: [] },
      reportData: fromHex(REPORT_DATA),
      nonce: utf8(REPORT_DATA),
      issuedAtMs: NOW_MS,
      validFromMs: NOW_MS,
      validUntilMs: NOW_MS + 3_599_000,
      root: { name: 'emulator', platform: PLATFORM, sha256: space.pki.sha256, emulated: true },
    });
    expect(claims?.details['chain']).to.match(/EMULATED.*leaf < .*intermediate < .*root$/);
  });

  it('is refused where nobody names its root', async () => {
    const result = await space.verify({ anchors: VENDOR_ANCHORS });
    expect(codes(result)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(result.claims).to.equal(undefined);
  });

  it('takes PEM for DER, as older tokens have it', async () => {
    const x5c = space.chain.certificates.map(pemOf);
    expect(codes(await space.verify({ defects: { x5c } }))).to.deep.equal([]);
  });

  it('is refused when its chain is cut, or out of order', async () => {
    const [leaf = '', intermediate = '', root = ''] = space.chain.certificates.map(toBase64);
    expect(codes(await space.verify({ defects: { x5c: [leaf] } }))).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    const short = codes(await space.verify({ defects: { x5c: [leaf, intermediate] } }));
    expect(short).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    const gap = codes(await space.verify({ defects: { x5c: [leaf, root] } }));
    expect(gap).to.include('CHAIN_INVALID').and.not.include('CHAIN_UNTRUSTED_ROOT');
    const turned = codes(await space.verify({ defects: { x5c: [root, intermediate, leaf] } }));
    expect(turned).to.include.members(['CHAIN_INVALID', 'CHAIN_UNTRUSTED_ROOT']);
  });

  it('may leave its root out where that comes as an endorsement', async () => {
    const [leaf = '', intermediate = ''] = space.chain.certificates.map(toBase64);
    const [, , root = new Uint8Array(0)] = space.chain.certificates;
    const defects = { x5c: [leaf, intermediate] };
    const own = { kind: 'certificate', bytes: root } as const;
    expect(codes(await space.verify({ defects, endorsements: [own] }))).to.deep.equal([]);
    const { chain: foreign } = mintChain(NOW_MS);
    const others = foreign.map((bytes) => ({ kind: 'certificate', bytes }) as const);
    expect(codes(await space.verify({ defects, endorsements: others }))).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    const [pinnedButForeign = new Uint8Array(0)] = foreign;
    const pinned = [space.anchor, certificateAnchor(pinnedButForeign)];
    const result = await space.verify({ defects, endorsements: others, anchors: pinned });
    expect(codes(result)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
  });

  it('is refused under a self-signed leaf that bears the name of the root', async () => {
    const signer = newTokenKey('RS256');
    const fields = plainFields('EMULATED Confidential Space root', 'EMULATED Confidential Space root', signer, NOW_MS);
    const certificate = mintCertificate(fields, newKeys());
    const result = await space.verify({ chain: { certificates: [certificate], signer } });
    expect(codes(result)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
  });

  it('is refused when the root is pinned as a key, or for another platform', async () => {
    const [anchor] = [space.anchor];
    if (anchor === undefined) throw new Error('an anchor');
    for (const bent of [
      { ...anchor, kind: 'key' as const },
      { ...anchor, platform: 'nvidia-gpu' as const },
    ]) {
      expect(codes(await space.verify({ anchors: [bent] }))).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    }
  });

  it('is refused under an intermediate that is no CA, and a leaf that may not sign', async () => {
    expect(await chainCodes({ intermediateIsCa: false })).to.deep.equal(['CHAIN_INVALID', 'CHAIN_INVALID']);
    expect(await chainCodes({ leafUsage: 'keyEncipherment' })).to.deep.equal(['CHAIN_INVALID']);
    expect(await chainCodes({ leafUsage: 'digitalSignature' })).to.deep.equal([]);
  });

  it('is refused under a certificate signed with another algorithm', async () => {
    expect(await chainCodes({ leafHash: 'SHA-1' })).to.deep.equal(['ALG_NOT_ALLOWED']);
    expect(await chainCodes({ leafHash: 'SHA-512' })).to.deep.equal(['ALG_NOT_ALLOWED']);
  });

  it('lists an expired leaf and an expired token both', async () => {
    expect(await chainCodes({ leafValidMs: DAY_MS }, NOW_MS + DAY_MS)).to.deep.equal(['CERT_EXPIRED', 'TOKEN_EXPIRED']);
    expect(await chainCodes({ atMs: NOW_MS + DAY_MS })).to.deep.equal(['CERT_NOT_YET_VALID']);
  });

  it('is valid no longer than its certificates', async () => {
    const bent = await space.issue({ leafValidMs: 20 * 60_000 });
    const { claims } = await space.verify({ chain: bent });
    expect(claims?.validUntilMs).to.equal(NOW_MS + 15 * 60_000);
  });

  it('shows nothing of an algorithm that could play tricks on a screen', async () => {
    const rewriteHeader = (text: string): string => text.replace('"RS256"', `"\u202e${'x'.repeat(200)}"`);
    const { claims } = await space.verify({ defects: { rewriteHeader } });
    expect(claims?.details['algorithm']).to.match(/^\?x{95}$/);
  });

  it('is refused when another key than the leaf signed it, whoever vouches for that key', async () => {
    const signWith = newTokenKey('RS256');
    const pinned = [space.anchor, pinOf(signWith, PLATFORM)];
    expect(codes(await space.verify({ defects: { signWith }, anchors: pinned }))).to.deep.equal(['SIGNATURE_INVALID']);
  });

  it('is refused under a leaf whose key does not fit the algorithm', async () => {
    const made = mintChain(NOW_MS);
    const certificates = made.chain.toReversed();
    const [root = new Uint8Array(0)] = made.chain;
    const result = await space.verify({
      chain: { certificates, signer: newTokenKey('RS256') },
      anchors: [certificateAnchor(root)],
    });
    expect(codes(result)).to.deep.equal(['ALG_NOT_ALLOWED', 'ALG_NOT_ALLOWED', 'ALG_NOT_ALLOWED']);
  });

  const malformedChains: Readonly<Record<string, unknown>> = {
    'no list': 'AAAA',
    null: null,
    empty: [],
    'of nine': Array.from({ length: 9 }, () => 'AAAA'),
    'of numbers': [1],
    'not base64': ['*'],
    base64url: ['-_-_'],
    'an empty certificate': [''],
    'PEM of nothing': ['-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
  };
  for (const [name, x5c] of Object.entries(malformedChains)) {
    it(`is refused with a chain that is ${name}`, async () => {
      expect(codes(await space.verify({ defects: { x5c } }))).to.deep.equal(['MALFORMED']);
    });
  }

  it('is refused with certificates that cannot be read', async () => {
    const [leaf = '', intermediate = '', root = ''] = space.chain.certificates.map(toBase64);
    for (const x5c of [
      ['AAAA', intermediate, root],
      [leaf, 'AAAA', root],
    ]) {
      const result = await space.verify({ defects: { x5c } });
      expect(codes(result)).to.deep.equal(['CHAIN_INVALID']);
      expect(result.claims).to.equal(undefined);
    }
  });

  it('still judges the chain when the algorithm is refused', async () => {
    const rewriteHeader = (text: string): string => text.replace('RS256', 'none');
    const alterSignature = (): Uint8Array => new Uint8Array(0);
    const result = await space.verify({ defects: { rewriteHeader, alterSignature }, atMs: NOW_MS + 90 * DAY_MS });
    expect(codes(result)).to.deep.equal(['ALG_NOT_ALLOWED', 'CERT_EXPIRED', 'TOKEN_EXPIRED']);
  });
});

function certificateAnchor(der: Uint8Array): Anchor {
  const sha256 = createHash('sha256').update(der).digest('hex');
  return { kind: 'certificate', name: 'test', platform: PLATFORM, sha256, emulated: true };
}

/** PEM in lines of 64 characters (RFC 7468 section 2). */
function pemOf(der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
