import { expect } from 'chai';
import { type Json, newTokenKey, type TokenKey } from '#infra/emulator/tokens/jws.ts';
import { codes, NOW_MS, NOW_S, verifyToken } from './service.ts';

const PLATFORM = 'nvidia-nras';
const ISSUER = { iss: 'https://nras.attestation.nvidia.com', 'x-nvidia-overall-att-result': true };
const ISSUED_MS = NOW_MS - 60_000;
const ENDS_MS = NOW_MS + 3_600_000;
const TIMES: Json = { iat: ISSUED_MS / 1000, nbf: ISSUED_MS / 1000, exp: ENDS_MS / 1000 };

describe('the times of a token', () => {
  let key: TokenKey;
  before(() => {
    key = newTokenKey('ES384');
  });

  async function codesAt(atMs: number, times: Json = TIMES): Promise<readonly string[]> {
    return codes(await verifyToken(PLATFORM, key, { ...ISSUER, ...times }, { atMs }));
  }

  it('hold from the second of its issue to the last before its expiry', async () => {
    expect(await codesAt(ISSUED_MS - 1)).to.deep.equal(['TOKEN_NOT_YET_VALID']);
    expect(await codesAt(ISSUED_MS)).to.deep.equal([]);
    expect(await codesAt(ENDS_MS - 1)).to.deep.equal([]);
    expect(await codesAt(ENDS_MS)).to.deep.equal(['TOKEN_EXPIRED']);
  });

  it('are told with what was found and wanted', async () => {
    const result = await verifyToken(PLATFORM, key, { ...ISSUER, ...TIMES }, { atMs: ENDS_MS });
    expect(result.kind === 'refused' && result.reasons[0]).to.deep.include({
      found: '2026-11-22T13:00:00Z',
      wanted: 'before 2026-11-22T13:00:00Z',
    });
    expect(result.claims, 'for explanation').to.include({
      issuedAtMs: ISSUED_MS,
      validFromMs: ISSUED_MS,
      validUntilMs: ENDS_MS - 1000,
    });
  });

  it('begin with the later of issue and not-before', async () => {
    expect(await codesAt(NOW_MS - 1, { ...TIMES, nbf: NOW_S })).to.deep.equal(['TOKEN_NOT_YET_VALID']);
    expect(await codesAt(NOW_MS - 1, { ...TIMES, iat: NOW_S })).to.deep.equal(['TOKEN_NOT_YET_VALID']);
    expect(await codesAt(NOW_MS, { ...TIMES, nbf: undefined })).to.deep.equal([]);
  });

  it('may have fractions, and are then cut to what is certain', async () => {
    const times = { iat: NOW_S - 0.5, exp: NOW_S + 10.25 };
    expect(await codesAt(NOW_MS - 501, times)).to.deep.equal(['TOKEN_NOT_YET_VALID']);
    expect(await codesAt(NOW_MS - 500, times)).to.deep.equal([]);
    expect(await codesAt(NOW_MS + 10_250, times)).to.deep.equal(['TOKEN_EXPIRED']);
  });

  it('are both wrong when it expires before it begins', async () => {
    expect(await codesAt(NOW_MS, { iat: NOW_S + 10, exp: NOW_S - 10 })).to.deep.equal([
      'TOKEN_EXPIRED',
      'TOKEN_NOT_YET_VALID',
    ]);
  });

  const malformed: Readonly<Record<string, Json>> = {
    'no time of issue': { iat: undefined },
    'no expiry': { exp: undefined },
    'an expiry as text': { exp: `${ENDS_MS / 1000}` },
    'an expiry of null': { exp: null },
    'a negative time of issue': { iat: -1 },
    'an expiry beyond four-digit years': { exp: 253_402_300_800 },
    'a not-before that is a list': { nbf: [NOW_S] },
    'milliseconds in the place of seconds': { exp: ENDS_MS },
  };
  for (const [name, times] of Object.entries(malformed)) {
    it(`are refused with ${name}`, async () => {
      expect(await codesAt(NOW_MS, { ...TIMES, ...times })).to.deep.equal(['MALFORMED']);
    });
  }

  it('are refused where a number is too large to be one', async () => {
    const defects = { rewritePayload: (text: string) => text.replace(/"exp":\d+/, '"exp":1e999') };
    const result = await verifyToken(PLATFORM, key, { ...ISSUER, ...TIMES }, { defects });
    expect(codes(result)).to.deep.equal(['MALFORMED']);
  });
});
