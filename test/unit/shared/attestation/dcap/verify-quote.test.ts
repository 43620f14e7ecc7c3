import { expect } from 'chai';
import type { QuoteContents, QuoteDefects } from '#infra/emulator/intel/quote.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import {
  codesOf,
  type FakeIntel,
  fakeIntel,
  type IntelRequest,
  plainSgx,
  plainTd,
  quoteOf,
  verifyIntel,
} from '#test/fakes/tee/intel.ts';

const flip =
  (at: number) =>
  (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

/** Every form that a quote can have. */
const LAYOUTS: Readonly<Record<string, QuoteContents>> = {
  'SGX quote version 3': { version: 3, report: plainSgx() },
  'SGX quote version 4': { version: 4, report: plainSgx() },
  'SGX quote version 5': { version: 5, report: plainSgx() },
  'TDX quote version 4': { version: 4, report: plainTd() },
  'TDX quote version 5 of TDX 1.0': { version: 5, report: plainTd() },
  'TDX quote version 5 of TDX 1.5': {
    version: 5,
    report: plainTd({ teeTcbSvn2: Uint8Array.of(5, 1, 2), mrServiceTd: new Uint8Array(48) }),
  },
};

describe('DCAP quote verifier', () => {
  let sgx: FakeIntel;
  let tdx: FakeIntel;
  before(async () => {
    [sgx, tdx] = await Promise.all([fakeIntel('SGX'), fakeIntel('TDX')]);
  });

  for (const [name, contents] of Object.entries(LAYOUTS)) {
    describe(name, () => {
      const quoted = async (defects: QuoteDefects = {}, request: IntelRequest = {}): Promise<Verification> => {
        const platform = name.startsWith('SGX') ? sgx : tdx;
        return verifyIntel(platform, await quoteOf(platform.machine, defects, contents), request);
      };

      it('is verified under a named root, with the collateral of that root', async () => {
        const result = await quoted();
        expect(codesOf(result)).to.deep.equal([]);
        expect(result.claims?.tcb).to.deep.equal({ status: 'UpToDate', advisories: [] });
        expect(result.claims?.concerns).to.deep.equal([]);
        expect(result.claims?.root.emulated).to.equal(true);
        expect(result.claims?.reportData).to.deep.equal(new Uint8Array(64).fill(0xda));
      });

      it('may end in zeros, as platforms pad it, and in nothing else', async () => {
        expect(codesOf(await quoted({ trailing: new Uint8Array(3000) }))).to.deep.equal([]);
        const trailing = new Uint8Array(3000);
        trailing[2999] = 1;
        expect(codesOf(await quoted({ trailing }))).to.deep.equal(['TRAILING_DATA']);
      });

      it('is refused when header or report were altered after they were signed', async () => {
        for (const at of [30, 60, 100]) {
          const codes = codesOf(await quoted({ alterSigned: flip(at) }));
          expect(codes, `${at}`).to.include.oneOf(['SIGNATURE_INVALID', 'MALFORMED']);
        }
      });

      it('is refused with a signature of another key', async () => {
        expect(codesOf(await quoted({ alterSignature: flip(3) }))).to.deep.equal(['SIGNATURE_INVALID']);
        expect(codesOf(await quoted({ alterSignature: () => new Uint8Array(64) }))).to.deep.equal([
          'SIGNATURE_INVALID',
        ]);
      });

      it('is refused with an attestation key that is no point of the curve', async () => {
        // The quoting enclave vouches for the altered key, so that nothing else is wrong.
        expect(codesOf(await quoted({ alterAttestationKey: flip(9) }))).to.deep.equal(['SIGNATURE_INVALID']);
      });

      it('is refused when the quoting enclave vouches for another key', async () => {
        const reportData = new Uint8Array(64).fill(1);
        expect(codesOf(await quoted({ qeReport: { reportData } }))).to.deep.equal(['QE_REPORT_BINDING_INVALID']);
        expect(codesOf(await quoted({ alterQeAuthData: flip(0) }))).to.deep.equal(['QE_REPORT_BINDING_INVALID']);
      });

      it('is refused when the second half of the report data of the quoting enclave is not zero', async () => {
        const altered = await quoted({ alterQeReport: flip(383) });
        expect(codesOf(altered)).to.deep.equal(['QE_REPORT_BINDING_INVALID', 'QE_REPORT_SIGNATURE_INVALID']);
      });

      it('is refused when the PCK did not sign the report of the quoting enclave', async () => {
        expect(codesOf(await quoted({ alterQeSignature: flip(40) }))).to.deep.equal(['QE_REPORT_SIGNATURE_INVALID']);
        expect(codesOf(await quoted({ alterQeReport: flip(0) }))).to.deep.equal(['QE_REPORT_SIGNATURE_INVALID']);
      });

      it('takes authentication data of any length', async () => {
        for (const length of [0, 1, 1000]) {
          expect(codesOf(await quoted({ qeAuthData: new Uint8Array(length) }))).to.deep.equal([]);
        }
      });

      it('is refused where nobody names its root, without claims', async () => {
        const result = await quoted({}, { anchors: VENDOR_ANCHORS });
        expect(codesOf(result)).to.deep.equal([
          'CHAIN_UNTRUSTED_ROOT',
          'COLLATERAL_CHAIN_INVALID',
          'COLLATERAL_CHAIN_INVALID',
        ]);
        expect(result.claims).to.equal(undefined);
      });

      it('leaves it to policy when no collateral came', async () => {
        const { claims, kind } = await quoted({}, { endorsements: [] });
        expect(kind).to.equal('verified');
        expect(claims?.concerns.map(({ code }) => code)).to.deep.equal(['COLLATERAL_MISSING']);
        expect(claims?.tcb).to.equal(undefined);
      });
    });
  }

  it('lists everything that is wrong at once, with claims for explanation', async () => {
    const defects = { alterSignature: flip(1), alterQeSignature: flip(1), alterQeAuthData: flip(1) };
    const document = await quoteOf(tdx.machine, defects);
    const result = await verifyIntel(tdx, document, { atMs: NOW_MS + 20 * 365 * 86_400_000 });
    expect(new Set(codesOf(result))).to.deep.equal(
      new Set([
        'SIGNATURE_INVALID',
        'QE_REPORT_BINDING_INVALID',
        'QE_REPORT_SIGNATURE_INVALID',
        'CERT_EXPIRED',
        'COLLATERAL_EXPIRED',
      ]),
    );
    expect(result.claims?.measurements['MRTD']).to.equal('7d'.repeat(48));
  });

  it('refuses endorsements that no quote is verified by, and collateral twice', async () => {
    const document = await quoteOf(sgx.machine);
    const crl: Endorsement = { kind: 'crl', bytes: Uint8Array.of(1) };
    expect(codesOf(await verifyIntel(sgx, document, { endorsements: [sgx.collateral, crl] }))).to.deep.equal([
      'MALFORMED',
    ]);
    const twice = await verifyIntel(sgx, document, { endorsements: [sgx.collateral, sgx.collateral] });
    expect(codesOf(twice)).to.deep.equal(['COLLATERAL_MALFORMED']);
  });

  it('stops at a quote of the other kind of TEE', async () => {
    const td = await quoteOf(tdx.machine);
    expect(codesOf(await verifyIntel(sgx, td))).to.deep.equal(['MALFORMED']);
    const enclave = await quoteOf(sgx.machine, {}, { version: 4 });
    expect(codesOf(await verifyIntel(tdx, enclave))).to.deep.equal(['MALFORMED']);
  });
});
