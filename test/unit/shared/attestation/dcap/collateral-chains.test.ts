import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { expect } from 'chai';
import type { CollateralDefects } from '#infra/emulator/intel/collateral.ts';
import { createIntelPki, createIntelRoot, type IntelPki, pemOf } from '#infra/emulator/intel/pki.ts';
import { codesIn, type FakeCollateral, fakeCollateral } from '#test/fakes/tee/collateral.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { INTEL_SURROUNDINGS as surroundings } from '#test/fakes/tee/intel.ts';

const DAY_MS = 86_400_000;

describe("the chains of Intel's collateral", () => {
  let fake: FakeCollateral;
  let plain: IntelPki;
  before(async () => {
    fake = await fakeCollateral();
    plain = fake.pki;
  });

  it('must end in the root that is trusted', async () => {
    const pki = await createIntelPki({ surroundings });
    expect(await fake.codes({ pki }), 'tcb signing and PCK authority').to.deep.equal([
      'COLLATERAL_CHAIN_INVALID',
      'COLLATERAL_CHAIN_INVALID',
    ]);
  });

  it('are each looked at', async () => {
    const other = await createIntelRoot({ surroundings });
    const foreign = await createIntelPki({ surroundings, root: other });
    for (const name of ['tcb_info_issuer_chain', 'qe_identity_issuer_chain', 'pck_crl_issuer_chain'] as const) {
      const chain = name === 'pck_crl_issuer_chain' ? [foreign.authority, other] : [foreign.tcbSigning, other];
      const found = await fake.codes({ defects: { alterParts: (parts) => ({ ...parts, [name]: pemOf(...chain) }) } });
      expect(found, name).to.include('COLLATERAL_CHAIN_INVALID');
      expect(found, name).to.include(name === 'pck_crl_issuer_chain' ? 'CRL_INVALID' : 'COLLATERAL_SIGNATURE_INVALID');
    }
  });

  it('are as long as Intel makes them, with one root', async () => {
    const { root, authority, tcbSigning } = plain;
    for (const chain of [[tcbSigning], [root, root], [authority, tcbSigning], [tcbSigning, authority, root]]) {
      const altered = await fake.judged({
        defects: { alterParts: (parts) => ({ ...parts, qe_identity_issuer_chain: pemOf(...chain) }) },
      });
      expect([codesIn(altered), altered.collateral]).to.deep.equal([['COLLATERAL_CHAIN_INVALID'], undefined]);
    }
  });

  it('cannot be something else, or nothing', async () => {
    for (const chain of ['none', '']) {
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({ ...parts, tcb_info_issuer_chain: chain });
      expect(await fake.codes({ defects: { alterParts } })).to.deep.equal(['COLLATERAL_CHAIN_INVALID']);
    }
  });

  it('need not all be readable for a list to be judged', async () => {
    const none = { tcb_info_issuer_chain: 'none', qe_identity_issuer_chain: 'nothing' };
    const defects: CollateralDefects = {
      alterParts: (parts) => ({ ...parts, ...none }),
      rootCrl: { signingKey: plain.authority.keys.privateKey },
    };
    const wanted = ['COLLATERAL_CHAIN_INVALID', 'COLLATERAL_CHAIN_INVALID', 'CRL_INVALID'];
    expect(await fake.codes({ defects })).to.deep.equal(wanted);
    const nowhere: CollateralDefects = {
      alterParts: (parts) => ({ ...parts, ...none, pck_crl_issuer_chain: 'no' }),
    };
    expect(await fake.codes({ defects: nowhere })).to.deep.equal(Array(3).fill('COLLATERAL_CHAIN_INVALID'));
  });

  it('must lead to the signer that Intel names for it, not to another below the root', async () => {
    const { authority, root } = plain;
    const asAuthority = await fake.judged({
      defects: { alterParts: (parts) => ({ ...parts, tcb_info_issuer_chain: pemOf(authority, root) }) },
    });
    expect(codesIn(asAuthority)).to.include.members(['COLLATERAL_CHAIN_INVALID', 'COLLATERAL_SIGNATURE_INVALID']);
    const pki = await fake.bent({ tcbSigning: () => ({ subject: 'CN=Intel SGX PCK Certificate, O=EMULATED' }) });
    expect(await fake.codes({ pki })).to.deep.equal(['COLLATERAL_CHAIN_INVALID']);
  });

  it('must lead to an authority where they are for PCK certificates', async () => {
    const { tcbSigning, root } = plain;
    const alterParts: CollateralDefects['alterParts'] = (parts) => ({
      ...parts,
      pck_crl_issuer_chain: pemOf(tcbSigning, root),
    });
    expect(await fake.codes({ defects: { alterParts } })).to.include.members([
      'COLLATERAL_CHAIN_INVALID',
      'CRL_INVALID',
    ]);
  });

  it('are refused with a certificate that the root did not sign', async () => {
    const { privateKey: signingKey } = plain.authority.keys;
    expect(await fake.codes({ pki: await fake.bent({ tcbSigning: () => ({ signingKey }) }) })).to.deep.equal([
      'COLLATERAL_CHAIN_INVALID',
    ]);
    expect(await fake.codes({ pki: await fake.bent({ authority: () => ({ signingKey }) }) })).to.deep.equal([
      'COLLATERAL_CHAIN_INVALID',
    ]);
  });

  it('are refused with a key that may not sign', async () => {
    const extensions = [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyAgreement, true)];
    expect(await fake.codes({ pki: await fake.bent({ tcbSigning: () => ({ extensions }) }) })).to.deep.equal([
      'COLLATERAL_CHAIN_INVALID',
    ]);
  });

  it('are refused before and after the validity of a certificate, which no policy tolerates', async () => {
    const past = [NOW_MS - 2 * DAY_MS, NOW_MS - 1000] as const;
    const future = [NOW_MS + 1000, NOW_MS + DAY_MS] as const;
    for (const role of ['tcbSigning', 'authority'] as const) {
      const expired = await fake.judged({ pki: await fake.bent({ [role]: () => ({ validMs: past }) }) });
      expect(
        expired.reasons.map(({ code }) => code),
        role,
      ).to.deep.equal(['CERT_EXPIRED', 'COLLATERAL_EXPIRED']);
      const early = await fake.judged({ pki: await fake.bent({ [role]: () => ({ validMs: future }) }) });
      expect(
        early.reasons.map(({ code }) => code),
        role,
      ).to.deep.equal(['CERT_NOT_YET_VALID', 'COLLATERAL_NOT_YET_VALID']);
    }
  });

  it('are refused when the root has revoked a certificate', async () => {
    const { serialNumber: signer } = plain.tcbSigning.certificate;
    const { serialNumber: authority } = plain.authority.certificate;
    expect(await fake.codes({ contents: { revokedByRoot: [signer] } })).to.deep.equal(['CERT_REVOKED']);
    expect(await fake.codes({ contents: { revokedByRoot: [authority] } })).to.deep.equal(['CERT_REVOKED']);
    const both = { contents: { revokedByRoot: [authority, signer] } };
    expect(await fake.codes(both)).to.deep.equal(['CERT_REVOKED', 'CERT_REVOKED']);
    expect(await fake.codes({ contents: { revokedPcks: [authority, signer] } }), 'by another list').to.deep.equal([]);
  });
});
