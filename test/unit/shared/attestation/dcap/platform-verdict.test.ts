import { expect } from 'chai';
import { derOf } from '#infra/emulator/certify.ts';
import { chainOf, type QuoteContents } from '#infra/emulator/intel/quote.ts';
import { qeIdentity, sgxTcbInfo } from '#infra/emulator/intel/tcb.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { splitCertificates } from '#shared/attestation/dcap/certificates.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import {
  codesOf,
  collateralFor,
  type FakeIntel,
  fakeIntel,
  plainSgx,
  plainTd,
  quoteOf,
  verifyIntel,
} from '#test/fakes/tee/intel.ts';

const DAY_MS = 86_400_000;
const ISSUED = { validMs: [NOW_MS - DAY_MS, NOW_MS + DAY_MS], evaluationNumber: 18 } as const;

/** Every form that a quote can have, besides those of {@link plainSgx} in version 3 and {@link plainTd} in version 4. */
const FORMS: readonly QuoteContents[] = [
  { version: 4, report: plainSgx() },
  { version: 5, report: plainSgx() },
  { version: 5, report: plainTd() },
];

describe("Intel's verdict on the platform of a quote", () => {
  let sgx: FakeIntel;
  let tdx: FakeIntel;
  let document: Uint8Array;
  before(async () => {
    [sgx, tdx] = await Promise.all([fakeIntel('SGX'), fakeIntel('TDX')]);
    document = await quoteOf(sgx.machine);
  });

  const under = async (collateral: Endorsement, atMs = NOW_MS): Promise<readonly string[]> =>
    codesOf(await verifyIntel(sgx, document, { endorsements: [collateral], atMs }));

  it('refuses a revoked PCK certificate, in quotes of every form', async () => {
    for (const { version, report } of [
      ...FORMS,
      { version: 3, report: plainSgx() },
      { version: 4, report: plainTd() },
    ] as const) {
      const { machine, ...rest } = report.length === 384 ? sgx : tdx;
      const { serialNumber } = machine.pck.certificate;
      const collateral = await collateralFor(machine, { contents: { revokedPcks: ['01', serialNumber] } });
      const quote = await quoteOf(machine, {}, { version, report });
      const result = await verifyIntel({ ...rest, machine, collateral }, quote);
      expect(codesOf(result), `version ${version}`).to.deep.equal(['CERT_REVOKED']);
      expect(result.claims?.tcb?.status).to.equal('UpToDate');
    }
  });

  it('takes a certificate whose neighbour is revoked', async () => {
    const revokedPcks = [sgx.machine.pki.authority.certificate.serialNumber, '01'];
    expect(await under(await collateralFor(sgx.machine, { contents: { revokedPcks } }))).to.deep.equal([]);
  });

  it('refuses a revoked PCK authority, whose list is no longer to be believed either', async () => {
    const revokedByRoot = [sgx.machine.pki.authority.certificate.serialNumber];
    const codes = await under(await collateralFor(sgx.machine, { contents: { revokedByRoot } }));
    expect(new Set(codes)).to.deep.equal(new Set(['CERT_REVOKED']));
  });

  it('refuses the list of the other PCK authority of the same root', async () => {
    const { root } = sgx.machine.pki;
    const processor = await fakeIntel('SGX', { authority: 'Processor', root });
    expect(await under(processor.collateral)).to.deep.equal(['CRL_INVALID']);
  });

  it('refuses the list of an authority of the same name with another key', async () => {
    const { root } = sgx.machine.pki;
    const namesake = await fakeIntel('SGX', { root });
    expect(await under(namesake.collateral)).to.deep.equal(['CRL_INVALID']);
  });

  it('refuses collateral under another trusted root than that of the quote', async () => {
    const foreign = await fakeIntel('SGX');
    const anchors = [...VENDOR_ANCHORS, sgx.anchor, foreign.anchor];
    const genuine = await verifyIntel(sgx, document, { anchors });
    expect(codesOf(genuine)).to.deep.equal([]);
    const mixed = await verifyIntel(sgx, document, { anchors, endorsements: [foreign.collateral] });
    expect(codesOf(mixed)).to.include('COLLATERAL_CHAIN_INVALID');
  });

  it('takes collateral under any certificate of the one vendor root', async () => {
    const vendors = [sgx.anchor, (await fakeIntel('SGX')).anchor].map((anchor) => ({ ...anchor, emulated: false }));
    expect(codesOf(await verifyIntel(sgx, document, { anchors: vendors }))).to.deep.equal([]);
  });

  it('refuses collateral for another platform or quoting enclave', async () => {
    const tcbInfo = { ...sgxTcbInfo(ISSUED), fmspc: '00906ED50000' };
    expect(await under(await collateralFor(sgx.machine, { defects: { tcbInfo } }))).to.deep.equal(['FMSPC_MISMATCH']);
    const identity = { ...qeIdentity('SGX', ISSUED), mrsigner: '00'.repeat(32) };
    expect(await under(await collateralFor(sgx.machine, { defects: { qeIdentity: identity } }))).to.deep.equal([
      'QE_IDENTITY_MISMATCH',
    ]);
  });

  it('refuses collateral of the other kind of TEE', async () => {
    const collateral = await collateralFor({ ...sgx.machine, tee: 'TDX' });
    const codes = await under(collateral);
    expect(codes).to.include.members(['TCB_INFO_TYPE_MISMATCH', 'QE_IDENTITY_MISMATCH']);
  });

  it('rates a platform below every level, and one between levels', async () => {
    const { platform: newest } = sgx.machine;
    const statuses = [];
    for (const first of [7, 6, 5]) {
      const platform = { ...newest, components: newest.components.with(0, first) };
      const bent = await fakeIntel('SGX', { platform });
      const { claims } = await verifyIntel(bent, await quoteOf(bent.machine));
      statuses.push([claims?.tcb?.status, claims?.levels['sgx_tcb_svn.1']]);
    }
    expect(statuses).to.deep.equal([
      ['UpToDate', 7],
      ['OutOfDate', 6],
      ['NotSupported', 5],
    ]);
  });

  it('leaves it to policy what is past its next update, and refuses what is not issued yet', async () => {
    const late = await verifyIntel(sgx, document, { atMs: NOW_MS + 31 * DAY_MS });
    expect(late.kind).to.equal('verified');
    expect(late.claims?.concerns.map(({ code }) => code)).to.include('COLLATERAL_EXPIRED');
    expect(await under(sgx.collateral, NOW_MS - 2 * 3_600_000)).to.include('COLLATERAL_NOT_YET_VALID');
  });

  it('counts the dates of the PCK chain among those of the collateral', async () => {
    const pck = () => ({ validMs: [NOW_MS - DAY_MS, NOW_MS + DAY_MS] }) as const;
    const bent = await fakeIntel('SGX', { bends: { pck }, contents: { issuedMs: NOW_MS - 3 * DAY_MS } });
    const quote = await quoteOf(bent.machine);
    const at = async (atMs: number) => verifyIntel(bent, quote, { atMs });
    expect(codesOf(await at(NOW_MS - DAY_MS - 1))).to.include.members([
      'CERT_NOT_YET_VALID',
      'COLLATERAL_NOT_YET_VALID',
    ]);
    expect(codesOf(await at(NOW_MS - DAY_MS))).to.not.include('CERT_NOT_YET_VALID');
    expect(codesOf(await at(NOW_MS + DAY_MS))).to.deep.equal([]);
    expect(codesOf(await at(NOW_MS + DAY_MS + 1000))).to.deep.equal(['CERT_EXPIRED', 'COLLATERAL_EXPIRED']);
  });

  it('holds in the span in which certificates and collateral are all valid', async () => {
    const { claims } = await verifyIntel(sgx, document);
    expect(claims?.validFromMs).to.equal(NOW_MS - 3_600_000);
    expect(claims?.validUntilMs).to.equal(NOW_MS - 3_600_000 + 30 * DAY_MS);
    const without = await verifyIntel(sgx, document, { endorsements: [] });
    expect(without.claims?.validFromMs).to.equal(NOW_MS - DAY_MS);
    expect(without.claims?.validUntilMs).to.equal(sgx.machine.pck.certificate.notAfter.getTime());
  });

  it('refuses a quoting enclave under a vendor root that is not known, when no collateral names it', async () => {
    const anchors = [{ ...sgx.anchor, emulated: false }];
    expect(codesOf(await verifyIntel(sgx, document, { anchors, endorsements: [] }))).to.deep.equal([
      'QE_IDENTITY_MISMATCH',
    ]);
    const mrSigner = Uint8Array.from(
      Buffer.from('8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff', 'hex'),
    );
    const known = await quoteOf(sgx.machine, { qeReport: { mrSigner } });
    expect(codesOf(await verifyIntel(sgx, known, { anchors, endorsements: [] }))).to.deep.equal([]);
    const attributes = Uint8Array.of(0x17, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0);
    const debugged = await quoteOf(sgx.machine, { qeReport: { mrSigner, isvProdId: 2, attributes } });
    expect(codesOf(await verifyIntel(sgx, debugged, { anchors, endorsements: [] }))).to.deep.equal([
      'QE_IDENTITY_MISMATCH',
      'QE_IDENTITY_MISMATCH',
    ]);
  });

  it('is not asked where the PCK chain cannot be read, but the collateral is judged', async () => {
    const quote = await quoteOf(sgx.machine, { certification: [5, utf8('no chain')] });
    expect(codesOf(await verifyIntel(sgx, quote))).to.deep.equal(['CHAIN_INVALID']);
    const collateral: Endorsement = { kind: 'intel-collateral', bytes: utf8('{}') };
    const both = await verifyIntel(sgx, quote, { endorsements: [collateral] });
    expect(codesOf(both)).to.deep.equal(['CHAIN_INVALID', 'COLLATERAL_MALFORMED']);
  });

  describe('where the quote does not hold its PCK chain', () => {
    const PPID = new Uint8Array(36);
    const certificates = (): readonly Endorsement[] =>
      splitCertificates(chainOf(sgx.machine)).map((bytes) => ({ kind: 'certificate', bytes }));

    it('is given by certificates that came next to it', async () => {
      for (const type of [1, 2, 3]) {
        const quote = await quoteOf(sgx.machine, { certification: [type, PPID] });
        const result = await verifyIntel(sgx, quote, { endorsements: [...certificates(), sgx.collateral] });
        expect(codesOf(result), `type ${type}`).to.deep.equal([]);
      }
    });

    it('is refused when none came', async () => {
      for (const type of [1, 2, 3]) {
        const quote = await quoteOf(sgx.machine, { certification: [type, PPID] });
        const result = await verifyIntel(sgx, quote);
        expect(codesOf(result), `type ${type}`).to.deep.equal(['PCK_CERTIFICATE_MISSING']);
        expect(result.claims).to.equal(undefined);
      }
    });

    it('is refused when they are of another machine', async () => {
      const other = await fakeIntel('SGX', { root: sgx.machine.pki.root });
      const quote = await quoteOf(other.machine, { certification: [1, PPID] });
      const result = await verifyIntel(sgx, quote, { endorsements: [...certificates(), sgx.collateral] });
      expect(codesOf(result)).to.deep.equal(['QE_REPORT_SIGNATURE_INVALID']);
    });

    it('is completed when the quote holds the leaf alone', async () => {
      const leaf = derOf(sgx.machine.pck);
      const quote = await quoteOf(sgx.machine, { certification: [4, leaf] });
      const result = await verifyIntel(sgx, quote, { endorsements: [...certificates(), sgx.collateral] });
      expect(codesOf(result)).to.deep.equal([]);
      expect(codesOf(await verifyIntel(sgx, quote))).to.include('CHAIN_INVALID');
    });
  });
});
