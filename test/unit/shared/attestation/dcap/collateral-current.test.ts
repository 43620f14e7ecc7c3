import { expect } from 'chai';
import type { CollateralDefects } from '#infra/emulator/intel/collateral.ts';
import { qeIdentity, tdxTcbInfo } from '#infra/emulator/intel/tcb.ts';
import { codesIn, DUE_MS, type FakeCollateral, fakeCollateral, ISSUED, ISSUED_MS } from '#test/fakes/tee/collateral.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';

describe("Intel's collateral as current", () => {
  let fake: FakeCollateral;
  before(async () => {
    fake = await fakeCollateral();
  });

  describe('by its revocation lists', () => {
    const absent: readonly unknown[] = [undefined, null, ''];
    for (const name of ['root_ca_crl', 'pck_crl'] as const) {
      it(`leaves to policy what to do without ${name}`, async () => {
        for (const value of absent) {
          const result = await fake.judged({ defects: { alterParts: (parts) => ({ ...parts, [name]: value }) } });
          expect(result.reasons).to.deep.equal([]);
          expect(result.concerns.map(({ code }) => code)).to.deep.equal(['CRL_MISSING']);
          expect(result.collateral).to.be.an('object');
        }
      });

      it(`is refused with a ${name} that cannot be read`, async () => {
        for (const value of ['00', '3000', 'zz', '-----BEGIN X509 CRL-----']) {
          const result = await fake.judged({ defects: { alterParts: (parts) => ({ ...parts, [name]: value }) } });
          expect(codesIn(result), value).to.deep.equal(['CRL_INVALID']);
        }
      });
    }

    it('is refused with a list of another authority, or of another key', async () => {
      const issuerName = 'CN=Intel SGX PCK Processor CA, O=EMULATED';
      const { privateKey: signingKey } = fake.pki.tcbSigning.keys;
      for (const crl of [{ issuerName }, { signingKey }]) {
        expect(await fake.codes({ defects: { pckCrl: crl } })).to.deep.equal(['CRL_INVALID']);
        expect(await fake.codes({ defects: { rootCrl: crl } })).to.deep.equal(['CRL_INVALID']);
      }
    });

    it("is refused with the root's list in the place of the authority's", async () => {
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({ ...parts, pck_crl: parts.root_ca_crl });
      expect(await fake.codes({ defects: { alterParts } })).to.deep.equal(['CRL_INVALID', 'CRL_INVALID']);
    });

    it('needs no chain for a list that did not come, and one for a list that did', async () => {
      const bare = { pck_crl_issuer_chain: null };
      const without = await fake.judged({ defects: { alterParts: (parts) => ({ ...parts, ...bare, pck_crl: null }) } });
      expect(codesIn(without)).to.deep.equal(['CRL_MISSING']);
      expect(without.collateral?.pckCrlIssuer).to.equal(undefined);
      const alone = await fake.judged({ defects: { alterParts: (parts) => ({ ...parts, ...bare }) } });
      expect(codesIn(alone)).to.deep.equal(['COLLATERAL_CHAIN_INVALID']);
    });
  });

  describe('in time', () => {
    it('is valid from the second of its issue to the last before its next update', async () => {
      expect(await fake.codes({ atMs: ISSUED_MS })).to.deep.equal([]);
      expect(await fake.codes({ atMs: DUE_MS + 999 })).to.deep.equal([]);
    });

    it('is refused before it was issued, each part by its own name', async () => {
      const { reasons, concerns } = await fake.judged({ atMs: ISSUED_MS - 1 });
      expect(concerns).to.deep.equal([]);
      expect(reasons.map(({ code, detail }) => `${code} ${detail}`)).to.have.members([
        ...['TCB info', 'QE identity', 'root CA CRL', 'PCK CRL'].map(
          (part) => `COLLATERAL_NOT_YET_VALID the ${part} was issued after the stated time`,
        ),
        ...reasons.filter(({ code }) => code === 'CRL_NOT_YET_VALID').map(({ code, detail }) => `${code} ${detail}`),
      ]);
      expect(reasons.filter(({ code }) => code === 'CRL_NOT_YET_VALID')).to.have.lengthOf(2);
    });

    it('is left to policy past its next update, with the time that it ended', async () => {
      const { reasons, concerns } = await fake.judged({ atMs: DUE_MS + 1000 });
      expect(reasons).to.deep.equal([]);
      const wanted = [...Array(2).fill('CRL_EXPIRED'), ...Array(4).fill('COLLATERAL_EXPIRED')];
      expect(concerns.map(({ code }) => code)).to.deep.equal(wanted);
      expect(new Set(concerns.map(({ endedMs }) => endedMs))).to.deep.equal(new Set([DUE_MS]));
    });

    const parts: Readonly<Record<string, (validMs: readonly [number, number]) => CollateralDefects>> = {
      'TCB info': (validMs) => ({ tcbInfo: tdxTcbInfo({ ...ISSUED, validMs }) }),
      'QE identity': (validMs) => ({ qeIdentity: qeIdentity('TDX', { ...ISSUED, validMs }) }),
      'root CA CRL': (validMs) => ({ rootCrlValidMs: validMs }),
      'PCK CRL': (validMs) => ({ pckCrlValidMs: validMs }),
    };
    for (const [name, defectsFor] of Object.entries(parts)) {
      it(`is as old as its ${name}`, async () => {
        const early = await fake.judged({ defects: defectsFor([NOW_MS + 1000, DUE_MS]) });
        expect(early.reasons.map(({ code }) => code)).to.include('COLLATERAL_NOT_YET_VALID');
        expect(early.reasons.at(-1)?.detail).to.include(name);
        const late = await fake.judged({ defects: defectsFor([ISSUED_MS, NOW_MS - 1000]) });
        expect([late.reasons, late.collateral?.validUntilMs]).to.deep.equal([[], NOW_MS - 1000]);
        expect(late.concerns.at(-1)).to.deep.include({ code: 'COLLATERAL_EXPIRED', endedMs: NOW_MS - 1000 });
      });
    }
  });
});
