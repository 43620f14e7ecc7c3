import { expect } from 'chai';
import { certificateTableOf } from '#infra/emulator/sev-snp/certificate-table.ts';
import { type AmdAuthority, type AmdCrl, mintAmdCrl } from '#infra/emulator/sev-snp/hierarchy.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { SNP_ENDORSEMENT_LIMITS } from '#shared/attestation/sev-snp/endorsements.ts';
import { verifySnpReport } from '#shared/attestation/sev-snp/verify.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { concat, EMPTY } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { CURRENT_MS, DAY_MS, type TestChip, testChip } from '#test/fakes/tee/amd.ts';
import { AT_MS } from '#test/fakes/tee/emulator.ts';

const certificate = (bytes: Uint8Array): Endorsement => ({ kind: 'certificate', bytes });
const list = (bytes: Uint8Array): Endorsement => ({ kind: 'crl', bytes });

function codes(result: Verification): readonly string[] {
  return result.kind === 'verified' ? [] : [...new Set(result.reasons.map(({ code }) => code))];
}

function concerns({ claims }: { readonly claims?: Claims }): readonly string[] {
  return claims?.concerns.map(({ code }) => code) ?? ['no claims'];
}

describe('endorsements of an SNP report', () => {
  let device: TestChip;
  let report: Uint8Array;
  let leaf: Endorsement;
  let authority: Endorsement;
  let root: Endorsement;
  let current: Endorsement;
  before(async () => {
    device = await testChip();
    report = device.report();
    const { ask, ark } = device.hierarchy;
    leaf = certificate(device.chip.certificate);
    authority = certificate(ask.certificate);
    root = certificate(ark.certificate);
    current = list(device.crl);
  });
  const verify = (...endorsements: readonly Endorsement[]): Promise<Verification> =>
    verifySnpReport(report, endorsements, { anchors: [device.anchor], atMs: AT_MS, crypto: nodeCrypto });
  const crl = (contents: Partial<AmdCrl> = {}, issuer: AmdAuthority = device.hierarchy.ark): Endorsement =>
    list(mintAmdCrl(issuer, { validMs: CURRENT_MS, ...contents }));

  it('may come in any order', async () => {
    const orders = [
      [leaf, authority, root, current],
      [current, root, authority, leaf],
      [authority, leaf, current, root],
    ];
    for (const order of orders) expect(codes(await verify(...order))).to.deep.equal([]);
  });

  it('may come in a table, in a table and singly, and twice', async () => {
    const table = { kind: 'snp-certificate-table', bytes: certificateTableOf(device.chip, device.crl) } as const;
    expect(codes(await verify(table))).to.deep.equal([]);
    expect(concerns(await verify(table))).to.deep.equal([]);
    expect(codes(await verify(table, leaf, root, leaf, current, authority, table))).to.deep.equal([]);
  });

  it('may hold certificates of other chains, first or last', async () => {
    const others = await Promise.all([testChip('Genoa'), testChip('Milan', { hwId: new Uint8Array(64).fill(3) })]);
    const unused = [
      ...others.map(({ chip }) => certificate(chip.certificate)),
      certificate(device.hierarchy.asvk.certificate),
      ...others.slice(0, 1).map(({ hierarchy }) => certificate(hierarchy.ark.certificate)),
    ];
    expect(codes(await verify(...unused, leaf, authority, root, current))).to.deep.equal([]);
    expect(codes(await verify(leaf, authority, root, current, ...unused))).to.deep.equal([]);
  });

  it('serve each kind of key when a host hands over both', async () => {
    const lent = await testChip('Milan', { kind: 'VLEK' });
    const all = [...device.endorsements, ...lent.endorsements];
    const context = { anchors: [device.anchor], atMs: AT_MS, crypto: nodeCrypto };
    for (const each of [device, lent]) {
      expect(codes(await verifySnpReport(each.report(), all, context))).to.deep.equal([]);
      expect(codes(await verifySnpReport(each.report(), all.toReversed(), context))).to.deep.equal([]);
    }
  });

  it('that are missing are named one by one', async () => {
    const missing = async (...given: readonly Endorsement[]): Promise<readonly string[]> => {
      const result = await verify(...given);
      expect(codes(result)).to.deep.equal(['ENDORSEMENT_MISSING']);
      return result.kind === 'refused' ? result.reasons.map(({ detail }) => detail.split(' did')[0] ?? '') : [];
    };
    const names = ['the certificate of the VCEK', "AMD's signing key (ASK or ASVK)", "AMD's root key (ARK)"];
    expect(await missing()).to.deep.equal(names);
    expect(await missing(current)).to.deep.equal(names);
    expect(await missing(authority, root)).to.deep.equal(names.slice(0, 1));
    expect(await missing(leaf, root)).to.deep.equal(names.slice(1, 2));
    expect(await missing(leaf, authority)).to.deep.equal(names.slice(2));
    expect(await missing({ kind: 'snp-certificate-table', bytes: new Uint8Array(24) })).to.deep.equal(names);
  });

  it('that cannot be read are never passed over', async () => {
    const broken = certificate(Uint8Array.of(0x30, 0x00));
    expect(codes(await verify(leaf, authority, root, current, broken))).to.deep.equal(['CHAIN_INVALID']);
    expect(codes(await verify(broken, authority, root))).to.deep.equal(['CHAIN_INVALID']);
    expect(codes(await verify(certificate(concat(leaf.bytes, Uint8Array.of(0))), authority, root))).to.deep.equal([
      'CHAIN_INVALID',
    ]);
    expect(codes(await verify(leaf, authority, root, list(EMPTY)))).to.deep.equal(['CRL_INVALID']);
    expect(codes(await verify(leaf, authority, list(EMPTY)))).to.deep.equal(['CRL_INVALID', 'ENDORSEMENT_MISSING']);
    const table = { kind: 'snp-certificate-table', bytes: EMPTY } as const;
    expect(codes(await verify(leaf, authority, root, current, table))).to.deep.equal(['MALFORMED']);
  });

  it('of other platforms are refused', async () => {
    for (const kind of ['intel-collateral', 'jwk-set'] as const) {
      const other = { kind, bytes: Uint8Array.of(1) };
      expect(codes(await verify(leaf, authority, root, current, other))).to.deep.equal(['MALFORMED']);
    }
  });

  it('that are too many are refused unread', async () => {
    const { certificates, crls } = SNP_ENDORSEMENT_LIMITS;
    const numbered = (count: number): readonly Uint8Array[] =>
      Array.from({ length: count }, (_, index) => Uint8Array.of(index));
    expect(codes(await verify(...numbered(certificates + 1).map(certificate)))).to.deep.equal(['MALFORMED']);
    expect(codes(await verify(leaf, authority, root, ...numbered(crls + 1).map(list)))).to.deep.equal(['MALFORMED']);
    const copies = (count: number): readonly Endorsement[] => Array.from({ length: count }, () => current);
    expect(codes(await verify(leaf, authority, root, ...copies(2 * crls)))).to.deep.equal([]);
    expect(codes(await verify(leaf, authority, root, ...copies(2 * crls + 1)))).to.deep.equal(['MALFORMED']);
  });

  describe('revocation lists', () => {
    it('may be missing, which is a concern', async () => {
      const result = await verify(leaf, authority, root);
      expect([result.kind, concerns(result)]).to.deep.equal(['verified', ['CRL_MISSING']]);
    });

    it('revoke authority, root and leaf', async () => {
      const { ask, ark } = device.hierarchy;
      for (const serial of [ask.serial, ark.serial, Uint8Array.of(0)]) {
        const result = await verify(leaf, authority, root, crl({ revoked: [serial] }));
        expect(codes(result)).to.deep.equal(['CERT_REVOKED']);
        expect(result.claims, 'for explanation').to.be.an('object');
      }
      expect(codes(await verify(leaf, authority, root, crl({ revoked: [Uint8Array.of(77)] })))).to.deep.equal([]);
    });

    it('revoke a leaf with a number of its own', async () => {
      const serial = Uint8Array.of(0x12, 0x34);
      const lent = await testChip('Milan', { kind: 'VLEK', bend: () => ({ serial }) });
      const context = { anchors: [device.anchor], atMs: AT_MS, crypto: nodeCrypto };
      const endorsements = [...lent.endorsements, crl({ revoked: [serial] })];
      expect(codes(await verifySnpReport(lent.report(), endorsements, context))).to.deep.equal(['CERT_REVOKED']);
    });

    it('revoke by any of several', async () => {
      const revoking = crl({ revoked: [device.hierarchy.ask.serial] });
      expect(codes(await verify(leaf, authority, root, current, revoking))).to.deep.equal(['CERT_REVOKED']);
      expect(codes(await verify(leaf, authority, root, revoking, current))).to.deep.equal(['CERT_REVOKED']);
    });

    it('past their next update are a concern, also beside a current one', async () => {
      const stale = crl({ validMs: [AT_MS - 2 * DAY_MS, AT_MS - DAY_MS] });
      const result = await verify(leaf, authority, root, stale);
      expect([result.kind, concerns(result)]).to.deep.equal(['verified', ['CRL_EXPIRED']]);
      expect(result.claims?.validUntilMs).to.equal(AT_MS - DAY_MS);
      expect(concerns(await verify(leaf, authority, root, current, stale))).to.deep.equal(['CRL_EXPIRED']);
    });

    it('that are stale still revoke', async () => {
      const validMs = [AT_MS - 2 * DAY_MS, AT_MS - DAY_MS] as const;
      const stale = crl({ validMs, revoked: [device.hierarchy.ask.serial] });
      expect(codes(await verify(leaf, authority, root, current, stale))).to.deep.equal(['CERT_REVOKED']);
    });

    it('from the future are refused', async () => {
      const early = crl({ validMs: [AT_MS + 1000, AT_MS + DAY_MS] });
      expect(codes(await verify(leaf, authority, root, early))).to.deep.equal(['CRL_NOT_YET_VALID']);
    });

    it('of another authority are refused, and do not stand for the missing one', async () => {
      const genoa = (await testChip('Genoa')).hierarchy.ark;
      const result = await verify(leaf, authority, root, crl({}, genoa));
      expect([codes(result), concerns(result)]).to.deep.equal([['CRL_INVALID'], ['CRL_MISSING']]);
      expect(codes(await verify(leaf, authority, root, current, crl({}, genoa)))).to.deep.equal(['CRL_INVALID']);
    });

    it('in the name of the root by another key are refused', async () => {
      const { asvk } = device.hierarchy;
      const forged = crl({ signingKey: asvk.key });
      expect(codes(await verify(leaf, authority, root, forged))).to.deep.equal(['CRL_INVALID']);
    });

    it('of the authority below the root, which may sign none, are refused and do not stand for those of the root', async () => {
      const result = await verify(leaf, authority, root, crl({}, device.hierarchy.ask));
      expect([codes(result), concerns(result)]).to.deep.equal([['CRL_INVALID'], ['CRL_MISSING']]);
    });
  });
});
