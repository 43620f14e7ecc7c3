import { expect } from 'chai';
import { type Json, newTokenKey, type TokenKey } from '#infra/emulator/tokens/jws.ts';
import { keySet, pinOf, publicJwk } from '#infra/emulator/tokens/key-set.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { mintCertificate, plainFields } from '#test/fakes/tee/certificates.ts';
import { codes, KEY_ID, NOW_MS, TIMES, verifyDocument, verifyToken } from './service.ts';

const EAR: Json = {
  ...TIMES,
  eat_profile: 'tag:example,2026:test',
  'ear.verifier-id': { developer: 'test', build: '1' },
  submods: { cpu0: { 'ear.status': 'affirming' } },
};
const PLATFORM = 'eat-ear';

describe('pinned keys', () => {
  let ours: TokenKey;
  let other: TokenKey;
  let rsa: TokenKey;
  let short: TokenKey;
  before(() => {
    ours = newTokenKey('ES256');
    other = newTokenKey('ES256');
    rsa = newTokenKey('RS256');
    short = newTokenKey('RS256', 1024);
  });

  it('vouch for a token that one of them signed', async () => {
    for (const key of [ours, rsa, newTokenKey('ES384')]) {
      const result = await verifyToken(PLATFORM, key, EAR);
      expect(codes(result)).to.deep.equal([]);
      expect(result.claims?.root).to.deep.include({ platform: PLATFORM, sha256: pinOf(key, PLATFORM).sha256 });
    }
  });

  it('are needed: a key in the set alone, or in the header alone, vouches for nothing', async () => {
    const jwk = publicJwk(ours);
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { anchors: [] }))).to.deep.equal(['KEY_UNKNOWN']);
    const header = {
      typ: 'JWT',
      kid: KEY_ID,
      jwk,
      jku: 'https://example.invalid/keys',
      x5u: 'https://example.invalid/x',
    };
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { header, endorsements: [] }))).to.deep.equal(['KEY_UNKNOWN']);
  });

  it('are pinned for one platform', async () => {
    const anchors = [pinOf(ours, 'azure-maa-jwt')];
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { anchors }))).to.deep.equal(['KEY_UNKNOWN']);
    const certificate = { ...pinOf(ours, PLATFORM), kind: 'certificate' } as const;
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { anchors: [certificate] }))).to.deep.equal(['KEY_UNKNOWN']);
  });

  it('are told apart by the token: another key of the set does not count', async () => {
    const endorsements = [keySet(publicJwk(ours, { kid: 'another' }))];
    const result = await verifyToken(PLATFORM, ours, EAR, { endorsements });
    expect(codes(result)).to.deep.equal(['KEY_UNKNOWN']);
    expect(result.kind === 'refused' && result.reasons[0]?.found).to.equal('no such key');
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { endorsements: [keySet(publicJwk(ours))] }))).to.deep.equal([
      'KEY_UNKNOWN',
    ]);
  });

  it('may share a key id: the pinned one verifies, whatever stands before it', async () => {
    const named = (key: TokenKey): Json => publicJwk(key, { kid: KEY_ID });
    const endorsements = [keySet(named(other), named(ours))];
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { endorsements }))).to.deep.equal([]);
    const unpinned = await verifyToken(PLATFORM, other, EAR, { endorsements, anchors: [pinOf(ours, PLATFORM)] });
    expect(codes(unpinned)).to.deep.equal(['SIGNATURE_INVALID']);
    const anchors = [pinOf(other, PLATFORM), pinOf(ours, PLATFORM)];
    const both = await verifyToken(PLATFORM, ours, EAR, { endorsements, anchors });
    expect(both.claims?.root.sha256, 'the one that signed').to.equal(pinOf(ours, PLATFORM).sha256);
  });

  it('may come in several sets, and with keys of other kinds', async () => {
    const foreign = [{ kty: 'OKP', crv: 'Ed25519', x: 'AA', kid: KEY_ID }, { kty: 'oct', k: 'AA', kid: KEY_ID }, {}];
    const endorsements = [keySet(...foreign), keySet(publicJwk(ours, { kid: KEY_ID }))];
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { endorsements }))).to.deep.equal([]);
  });

  it('serve a token without a key id by their pins alone', async () => {
    const header = { typ: 'JWT' };
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { header }))).to.deep.equal([]);
    const endorsements = [keySet(publicJwk(other), publicJwk(ours))];
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { header, endorsements }))).to.deep.equal([]);
  });

  const contradictions: Readonly<Record<string, Json>> = {
    'another algorithm': { alg: 'ES384' },
    'an algorithm that is no text': { alg: 1 },
    encryption: { use: 'enc' },
    'operations without verifying': { key_ops: ['encrypt'] },
    'operations that are no list': { key_ops: 5 },
  };
  for (const [name, members] of Object.entries(contradictions)) {
    it(`are not used against what they are for: ${name}`, async () => {
      const endorsements = [keySet(publicJwk(ours, { kid: KEY_ID, ...members }))];
      expect(codes(await verifyToken(PLATFORM, ours, EAR, { endorsements }))).to.deep.equal(['KEY_UNKNOWN']);
    });
  }

  it('may say that they verify', async () => {
    const endorsements = [keySet(publicJwk(ours, { kid: KEY_ID, key_ops: ['verify'], use: undefined }))];
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { endorsements }))).to.deep.equal([]);
  });

  const broken: Readonly<Record<string, Json>> = {
    'no coordinate': { y: undefined },
    'a coordinate too short': { y: 'AAAA' },
    'a coordinate with padding': { y: `${'A'.repeat(43)}=` },
    'another curve': { crv: 'P-384' },
    'another type': { kty: 'RSA' },
  };
  for (const [name, members] of Object.entries(broken)) {
    it(`are none when they have ${name}`, async () => {
      const endorsements = [keySet(publicJwk(ours, { kid: KEY_ID, ...members }))];
      expect(codes(await verifyToken(PLATFORM, ours, EAR, { endorsements }))).to.deep.equal(['KEY_UNKNOWN']);
    });
  }

  it('of RSA have 2048 bits or more, and both numbers', async () => {
    expect(codes(await verifyToken(PLATFORM, short, EAR))).to.deep.equal(['KEY_UNKNOWN']);
    for (const members of [{ e: undefined }, { e: 'AAAA' }, { n: '' }]) {
      const endorsements = [keySet(publicJwk(rsa, { kid: KEY_ID, ...members }))];
      expect(codes(await verifyToken(PLATFORM, rsa, EAR, { endorsements }))).to.deep.equal(['KEY_UNKNOWN']);
    }
  });

  it('may be known by a certificate only, as Microsoft publishes them', async () => {
    const { n: _n, e: _e, ...rest } = publicJwk(rsa, { kid: KEY_ID });
    const fields = plainFields('service', 'service', rsa, NOW_MS);
    const certificate = mintCertificate(fields, newTokenKey('ES384'));
    const withX5c = (x5c: unknown): ReturnType<typeof keySet> => keySet({ ...rest, x5c });
    const good = [withX5c([toBase64(certificate)])];
    expect(codes(await verifyToken(PLATFORM, rsa, EAR, { endorsements: good }))).to.deep.equal([]);
    for (const x5c of [undefined, [], ['AAAA'], [5], toBase64(certificate)]) {
      const endorsements = [withX5c(x5c)];
      expect(codes(await verifyToken(PLATFORM, rsa, EAR, { endorsements }))).to.deep.equal(['KEY_UNKNOWN']);
    }
    const elliptic = mintCertificate(plainFields('service', 'service', ours, NOW_MS), ours);
    const wrongKind = [withX5c([toBase64(elliptic)])];
    expect(codes(await verifyToken(PLATFORM, rsa, EAR, { endorsements: wrongKind }))).to.deep.equal(['KEY_UNKNOWN']);
  });

  const malformedSets: Readonly<Record<string, string>> = {
    'no JSON': '{',
    'no keys': '{}',
    'keys that are no list': '{"keys":{}}',
    'a key that is no object': '{"keys":["a"]}',
    'a key named twice': '{"keys":[{"kid":"a","kid":"b"}]}',
    'more keys than any issuer has': `{"keys":[${Array.from({ length: 65 }, () => '{}').join()}]}`,
  };
  for (const [name, text] of Object.entries(malformedSets)) {
    it(`are refused in a set with ${name}`, async () => {
      const endorsements = [{ kind: 'jwk-set', bytes: utf8(text) } as const];
      expect(codes(await verifyToken(PLATFORM, ours, EAR, { endorsements }))).to.deep.equal(['MALFORMED']);
    });
  }

  it('come in key sets and nothing else', async () => {
    const endorsements = [{ kind: 'certificate', bytes: Uint8Array.of(0x30) } as const];
    expect(codes(await verifyToken(PLATFORM, ours, EAR, { endorsements }))).to.deep.equal(['MALFORMED']);
  });

  it('do not make good what is no token', async () => {
    expect(codes(await verifyDocument(PLATFORM, utf8('a.b'), {}))).to.deep.equal(['MALFORMED']);
  });
});

describe('the algorithm of a token', () => {
  let key: TokenKey;
  before(() => {
    key = newTokenKey('RS256');
  });

  for (const name of ['none', 'HS256', 'RS384', 'PS384', 'ES512', 'EdDSA']) {
    it(`is refused when it is ${name}, without trying a key`, async () => {
      const rewriteHeader = (text: string): string => text.replace('RS256', name);
      const result = await verifyToken(PLATFORM, key, EAR, { defects: { rewriteHeader } });
      expect(codes(result)).to.deep.equal(['ALG_NOT_ALLOWED']);
    });
  }

  it('is never chosen by the header against the kind of the key', async () => {
    const rewriteHeader = (text: string): string => text.replace('RS256', 'ES256');
    const result = await verifyToken(PLATFORM, key, EAR, { defects: { rewriteHeader } });
    expect(codes(result)).to.deep.equal(['KEY_UNKNOWN']);
  });

  it('shows a long name in part', async () => {
    const rewriteHeader = (text: string): string => text.replace('RS256', '\\u0007'.repeat(4).concat('x'.repeat(200)));
    const result = await verifyToken(PLATFORM, key, EAR, { defects: { rewriteHeader } });
    expect(result.kind === 'refused' && result.reasons[0]?.found).to.match(/^\?{4}x+$/);
  });
});

describe('the signature of a token', () => {
  for (const algorithm of ['RS256', 'ES256', 'ES384'] as const) {
    it(`with ${algorithm} is refused altered, shortened, absent, of another key or over another payload`, async () => {
      const key = newTokenKey(algorithm);
      const flip = (signature: Uint8Array): Uint8Array => signature.map((byte, i) => (i === 20 ? byte ^ 1 : byte));
      const bends = [
        { alterSignature: flip },
        { alterSignature: (signature: Uint8Array) => signature.subarray(1) },
        { alterSignature: () => new Uint8Array(0) },
        { signWith: newTokenKey(algorithm) },
        { alterPayload: (text: string) => text.replace('affirming', 'warning') },
      ];
      for (const defects of bends) {
        const result = await verifyToken(PLATFORM, key, EAR, { defects });
        expect(codes(result)).to.deep.equal(['SIGNATURE_INVALID']);
        expect(result.claims, 'for explanation').to.be.an('object');
      }
    });
  }
});
