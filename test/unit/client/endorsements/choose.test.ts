import { expect } from 'chai';
import { withCached } from '#client/endorsements/choose.ts';
import { certificateTableOf } from '#infra/emulator/sev-snp/certificate-table.ts';
import { issueSnpChip } from '#infra/emulator/sev-snp/chip.ts';
import { mintAmdCrl } from '#infra/emulator/sev-snp/hierarchy.ts';
import type { Endorsement, Evidence } from '#shared/attestation/evidence.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { DAY_MS, type TestChip, testChip } from '#test/fakes/tee/amd.ts';
import { AT_MS, fixedSurroundings } from '#test/fakes/tee/emulator.ts';
import { type IntelScene, intelScene } from './intel.ts';

const CONTEXT = { atMs: AT_MS, crypto: nodeCrypto };

const crl = (bytes: Uint8Array): Endorsement => ({ kind: 'crl', bytes });
const certificate = (bytes: Uint8Array): Endorsement => ({ kind: 'certificate', bytes });

describe('evidence completed from a cache', () => {
  let milan: TestChip;
  let genoa: TestChip;
  let intel: IntelScene;
  let evidence: Evidence;
  before(async () => {
    milan = await testChip('Milan');
    genoa = await testChip('Genoa');
    intel = await intelScene('TDX');
    evidence = { platform: 'amd-sev-snp', document: milan.report(), endorsements: [] };
  });

  const completed = (from: Evidence, cached: readonly Endorsement[]) => withCached(from, cached, CONTEXT).endorsements;

  it('verifies although it came without anything', async () => {
    const { asvk } = milan.hierarchy;
    const cached = [...genoa.endorsements, certificate(asvk.certificate), ...milan.endorsements.toReversed()];
    const whole = withCached(evidence, cached, CONTEXT);
    expect(whole.endorsements).to.have.deep.members(milan.endorsements);
    const verification = await verifyEvidence(whole, { anchors: [milan.anchor], atMs: AT_MS, crypto: nodeCrypto });
    expect(verification.kind).to.equal('verified');
    expect(verification.claims?.concerns).to.deep.equal([]);
  });

  it('keeps what it came with, and gets only what is missing', () => {
    const own = milan.endorsements.slice(0, 3);
    const other = mintAmdCrl(milan.hierarchy.ark, { validMs: [AT_MS, AT_MS + DAY_MS] });
    expect(completed({ ...evidence, endorsements: own }, [...milan.endorsements, crl(other)])).to.deep.equal([
      ...own,
      crl(other),
    ]);
    expect(completed({ ...evidence, endorsements: milan.endorsements }, [crl(other)])).to.deep.equal(
      milan.endorsements,
    );
  });

  it('gets the newest of two lists', () => {
    const older = mintAmdCrl(milan.hierarchy.ark, { validMs: [AT_MS - 9 * DAY_MS, AT_MS - 2 * DAY_MS] });
    expect(completed(evidence, [crl(older), crl(milan.crl)])).to.deep.equal([crl(milan.crl)]);
  });

  it('gets a list of later only when there is none of its time', () => {
    const [later, latest] = [1, 2].map((days) =>
      crl(mintAmdCrl(milan.hierarchy.ark, { validMs: [AT_MS + days * DAY_MS, AT_MS + 9 * DAY_MS] })),
    );
    if (later === undefined || latest === undefined) throw new Error('two lists were made');
    expect(completed(evidence, [latest, later, crl(milan.crl)])).to.deep.equal([crl(milan.crl)]);
    expect(completed(evidence, [latest, later])).to.deep.equal([later]);
  });

  it('finds out by the key at hand which product made a report that does not say it', async () => {
    const silent = { ...evidence, document: milan.report({ version: 2 }) };
    const cached = [...genoa.endorsements, ...milan.endorsements];
    expect(completed(silent, cached)).to.have.deep.members(milan.endorsements);
    expect(completed(silent, genoa.endorsements)).to.deep.equal([]);
  });

  it("gets a provider's key for its own firmware only", async () => {
    const lent = await testChip('Genoa', { kind: 'VLEK' });
    const newer = await testChip('Genoa', { kind: 'VLEK', tcb: { bootloader: 11, tee: 0, snp: 23, microcode: 84 } });
    const from: Evidence = { platform: 'amd-sev-snp', document: lent.report(), endorsements: [] };
    const keys = [newer, lent].map(({ chip }) => certificate(chip.certificate));
    expect(completed(from, keys)).to.deep.equal([certificate(lent.chip.certificate)]);
  });

  it('gets the certificate of no other chip and no other firmware', () => {
    const { hierarchy, hwId } = milan.chip;
    const others = [
      { tcb: { bootloader: 4, tee: 0, snp: 24, microcode: 220 }, hwId },
      { hwId: new Uint8Array(64) },
    ].map((options) => certificate(issueSnpChip(hierarchy, fixedSurroundings(), options).certificate));
    expect(completed(evidence, others)).to.deep.equal([]);
  });

  it('gets a certificate table in the place of a certificate', () => {
    const table: Endorsement = { kind: 'snp-certificate-table', bytes: certificateTableOf(milan.chip) };
    expect(completed(evidence, [table])).to.deep.equal([table]);
    expect(completed({ ...evidence, endorsements: [table] }, [certificate(milan.chip.certificate)])).to.deep.equal([
      table,
    ]);
  });

  it("gets collateral of its own kind of TEE, the newest, and nobody else's", async () => {
    const sgx = await (await intelScene('SGX')).collateral();
    const [older, newer] = [await intel.collateral(20), await intel.collateral(2)];
    const quote = await intel.evidence();
    expect(completed(quote, [sgx, older, newer, ...milan.endorsements])).to.deep.equal([newer]);
    expect(completed({ ...quote, endorsements: [older] }, [newer])).to.deep.equal([older]);
  });

  it('gets key sets where it is a token, and nothing where it needs nothing', () => {
    const keys: Endorsement = { kind: 'jwk-set', bytes: utf8('{"keys":[]}') };
    const cached = [keys, ...milan.endorsements];
    const document = utf8('token');
    expect(completed({ platform: 'azure-maa-jwt', document, endorsements: [] }, cached)).to.deep.equal([keys]);
    expect(completed({ platform: 'aws-nitro', document, endorsements: [] }, cached)).to.deep.equal([]);
  });

  it('passes over what cannot be read, and never grows beyond what evidence may carry', () => {
    const keys = Array.from(
      { length: 40 },
      (_, index): Endorsement => ({
        kind: 'jwk-set',
        bytes: utf8(`{"keys":[{"kid":"${index}"}]}`),
      }),
    );
    const broken: Endorsement = { kind: 'jwk-set', bytes: utf8('no key set') };
    const token: Evidence = { platform: 'intel-trust-authority', document: utf8('token'), endorsements: [] };
    expect(completed(token, [broken])).to.deep.equal([]);
    expect(completed(token, keys)).to.have.length(12);
  });
});
