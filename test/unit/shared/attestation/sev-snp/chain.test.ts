import { expect } from 'chai';
import { der } from '#infra/emulator/der.ts';
import { emulatedName } from '#infra/emulator/sev-snp/certificate.ts';
import type { SnpLeafOptions } from '#infra/emulator/sev-snp/chip.ts';
import type { AmdBends } from '#infra/emulator/sev-snp/hierarchy.ts';
import { codes, codesOf, DAY_MS, type TestChip, testChip, verifyUnder } from '#test/fakes/tee/amd.ts';
import { ECDSA_SHA384 } from '#test/fakes/tee/certificates.ts';
import { AT_MS } from '#test/fakes/tee/emulator.ts';

const YEAR_MS = 365 * DAY_MS;

describe('chain of an SNP report', () => {
  let device: TestChip;
  before(async () => {
    device = await testChip();
  });

  it('must lead over the authority for the kind of key', async () => {
    const { ask, asvk } = device.hierarchy;
    const underAsvk = { issuer: asvk.subject, signingKey: asvk.key };
    const vcek = await testChip('Milan', { bend: () => underAsvk });
    const endorsements = [...vcek.endorsements, { kind: 'certificate', bytes: asvk.certificate }] as const;
    expect(codes(await verifyUnder(vcek, vcek.report(), endorsements))).to.deep.equal(['SIGNING_KEY_KIND_MISMATCH']);
    const underAsk = { issuer: ask.subject, signingKey: ask.key };
    const vlek = await testChip('Milan', { kind: 'VLEK', bend: () => underAsk });
    const others = [...vlek.endorsements, { kind: 'certificate', bytes: ask.certificate }] as const;
    expect(codes(await verifyUnder(vlek, vlek.report(), others))).to.deep.equal(['SIGNING_KEY_KIND_MISMATCH']);
  });

  it('must hold AMD’s names', async () => {
    const root = emulatedName('ARK-Rome');
    const authorities: AmdBends = {
      ark: () => ({ issuer: root, subject: root }),
      ask: () => ({ issuer: root }),
      asvk: () => ({ issuer: root }),
    };
    expect(await codesOf({ authorities })).to.deep.equal(['CHAIN_INVALID']);
    const other = emulatedName('SEV-Other');
    const leaf = { bend: () => ({ issuer: other }) };
    expect(await codesOf({ authorities: { ask: () => ({ subject: other }) }, leaf })).to.deep.equal(['CHAIN_INVALID']);
  });

  it('of another product is refused, although its root is trusted', async () => {
    const genoa = await testChip('Genoa');
    const [leaf] = device.endorsements;
    const endorsements = [...(leaf === undefined ? [] : [leaf]), ...genoa.endorsements.slice(1)];
    expect(codes(await verifyUnder(genoa, device.report(), endorsements))).to.include.members([
      'CHAIN_INVALID',
      'PRODUCT_MISMATCH',
    ]);
  });

  it('whose authorities stand in for another product is refused', async () => {
    const subject = emulatedName('SEV-Genoa');
    const leaf = { bend: () => ({ issuer: subject }) };
    expect(await codesOf({ authorities: { ask: () => ({ subject }) }, leaf })).to.deep.equal(['PRODUCT_MISMATCH']);
  });

  it('is valid in all its parts at the stated time', async () => {
    const late = AT_MS + 8 * YEAR_MS;
    expect(await codesOf({}, late)).to.deep.equal(['CERT_EXPIRED']);
    expect(await codesOf({ leaf: { kind: 'VLEK' } }, AT_MS + 2 * YEAR_MS)).to.deep.equal(['CERT_EXPIRED']);
    expect(await codesOf({}, AT_MS - 2 * 3_600_000)).to.deep.equal(['CERT_NOT_YET_VALID']);
    const gone = { ask: () => ({ validMs: [AT_MS - 2000, AT_MS - 1000] as const }) };
    expect(await codesOf({ authorities: gone })).to.deep.equal(['CERT_EXPIRED']);
  });

  it('of a leaf that another key signed is refused', async () => {
    const { asvk } = device.hierarchy;
    expect(await codesOf({ leaf: { bend: () => ({ signingKey: asvk.key }) } })).to.deep.equal(['CHAIN_INVALID']);
  });

  it('of a leaf that is signed with another algorithm is refused', async () => {
    expect(await codesOf({ leaf: { bend: () => ({ algorithm: ECDSA_SHA384 }) } })).to.deep.equal(['ALG_NOT_ALLOWED']);
  });

  it('of a leaf that is a CA is refused', async () => {
    const bend: NonNullable<SnpLeafOptions['bend']> = ({ extensions }) => ({
      extensions: [
        ...extensions,
        { oid: '2.5.29.19', critical: true, value: der(0x30, der(0x01, Uint8Array.of(0xff))) },
      ],
    });
    expect(await codesOf({ leaf: { bend } })).to.deep.equal(['CHAIN_INVALID']);
  });

  it('that ends in an altered root is told from one that ends in a foreign one', async () => {
    const stranger = await testChip('Milan', {}, { ark: () => ({ serial: Uint8Array.of(9) }) });
    const foreign = await verifyUnder(device, stranger.report(), stranger.endorsements);
    expect(codes(foreign)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    const last = device.hierarchy.ark.certificate.length - 1;
    const altered = device.hierarchy.ark.certificate.map((byte, index) => (index === last ? byte ^ 1 : byte));
    const endorsements = device.endorsements.map((each) =>
      each.bytes === device.hierarchy.ark.certificate ? { ...each, bytes: altered } : each,
    );
    expect(codes(await verifyUnder(device, device.report(), endorsements))).to.deep.equal([
      'CHAIN_INVALID',
      'CHAIN_UNTRUSTED_ROOT',
    ]);
  });
});
