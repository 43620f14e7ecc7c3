import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { expect } from 'chai';
import { type CollateralContents, type CollateralDefects, mintCollateral } from '#infra/emulator/intel/collateral.ts';
import { createIntelPki, createIntelRoot, type IntelBends, type IntelPki, pemOf } from '#infra/emulator/intel/pki.ts';
import { qeIdentity, sgxTcbInfo, sgxTcbInfo2, tdxTcbInfo } from '#infra/emulator/intel/tcb.ts';
import { type CollateralVerification, verifyCollateral } from '#shared/attestation/dcap/collateral.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { fromHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { INTEL_SURROUNDINGS as surroundings } from '#test/fakes/tee/intel.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ISSUED_MS = NOW_MS - HOUR_MS;
const DUE_MS = ISSUED_MS + 30 * DAY_MS;
const ISSUED = { validMs: [ISSUED_MS, DUE_MS], evaluationNumber: 18 } as const;

/** How a test asks for collateral and has it judged. */
interface Request {
  readonly tee?: 'SGX' | 'TDX';
  readonly contents?: Partial<CollateralContents>;
  readonly defects?: CollateralDefects;
  readonly pki?: IntelPki;
  readonly atMs?: number;
  readonly crypto?: CryptoPort;
}

describe("Intel's collateral", () => {
  let plain: IntelPki;
  before(async () => {
    plain = await createIntelPki({ surroundings });
  });

  const judged = async (request: Request = {}): Promise<CollateralVerification> => {
    const { tee = 'TDX', pki = plain } = request;
    const bytes = await mintCollateral(pki, { tee, issuedMs: ISSUED_MS, ...request.contents }, request.defects);
    return verified(bytes, { ...request, tee });
  };
  const verified = (bytes: Uint8Array, { tee = 'TDX', atMs = NOW_MS, crypto = nodeCrypto }: Request = {}) => {
    const platform = tee === 'SGX' ? 'intel-sgx' : 'intel-tdx';
    const { sha256 } = plain.root;
    const anchor = { kind: 'certificate', name: 'EMULATED', platform, sha256, emulated: true } as const;
    return verifyCollateral(bytes, { tee, anchors: [anchor], platform }, { atMs, crypto });
  };
  const codes = async (request: Request = {}): Promise<readonly string[]> => codesOf(await judged(request));
  const bent = (bends: IntelBends) => createIntelPki({ surroundings, root: plain.root, bends });

  it('is read for either TEE', async () => {
    const { reasons, concerns, collateral } = await judged();
    expect([reasons, concerns]).to.deep.equal([[], []]);
    expect([collateral?.tcbInfo.tee, collateral?.qeIdentity.id]).to.deep.equal(['TDX', 'TD_QE']);
    expect([collateral?.validFromMs, collateral?.validUntilMs]).to.deep.equal([ISSUED_MS, DUE_MS]);
    const sgx = await judged({ tee: 'SGX' });
    expect([codesOf(sgx), sgx.collateral?.tcbInfo.version]).to.deep.equal([[], 3]);
    expect(await codes({ tee: 'SGX', defects: { tcbInfo: sgxTcbInfo2(ISSUED) } })).to.deep.equal([]);
  });

  it('gives the lists of the root and of the PCK authority', async () => {
    const { collateral } = await judged({ contents: { revokedByRoot: ['02'], revokedPcks: ['0f', '0a'] } });
    expect([...(collateral?.rootCrl?.revoked ?? [])]).to.deep.equal(['02']);
    expect([...(collateral?.pckCrl?.revoked ?? [])]).to.deep.equal(['0f', '0a']);
    expect(collateral?.pckCrlIssuer?.der).to.deep.equal(new Uint8Array(plain.authority.certificate.rawData));
  });

  it('counts as old as the older of its evaluations', async () => {
    const older = qeIdentity('TDX', { ...ISSUED, evaluationNumber: 17 });
    const { collateral } = await judged({ defects: { qeIdentity: older } });
    expect([collateral?.evaluationNumber, collateral?.tcbInfo.evaluationNumber]).to.deep.equal([17, 18]);
  });

  describe('as an object', () => {
    it('may hold fields that are not known, and chains in either order', async () => {
      const reversed = pemOf(plain.root, plain.tcbSigning);
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({
        ...parts,
        pck_certificate_chain: null,
        tcb_info_issuer_chain: reversed,
      });
      expect(await codes({ defects: { alterParts } })).to.deep.equal([]);
    });

    it('may hold revocation lists in PEM', async () => {
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({ ...parts, pck_crl: pemOfCrl(parts.pck_crl) });
      expect(await codes({ defects: { alterParts } })).to.deep.equal([]);
    });

    const alterations: Readonly<Record<string, (text: string) => string>> = {
      'that is cut off': (text) => text.slice(0, -1),
      'with something behind it': (text) => `${text} {}`,
      'that names a part twice': (text) => text.replace('{', '{"tcb_info":"{}",'),
      'without TCB info': (text) => text.replace('"tcb_info":', '"tcb-info":'),
      'with a signature that is too short': (text) => text.replace(/("tcb_info_signature":")../, '$1'),
      'with a signature that is not hexadecimal': (text) => text.replace(/("qe_identity_signature":")./, '$1x'),
      'with a number for a chain': (text) => text.replace('"pck_crl_issuer_chain":', '"pck_crl_issuer_chain":1,"x":'),
      'that is too long': (text) => text + ' '.repeat(48 * 1024),
      'that is a list': () => '[]',
      'that is empty': () => '',
    };
    for (const [name, alter] of Object.entries(alterations)) {
      it(`is refused ${name}`, async () => {
        const result = await judged({ defects: { alter: (bytes) => utf8(alter(new TextDecoder().decode(bytes))) } });
        expect([codesOf(result), result.collateral]).to.deep.equal([['COLLATERAL_MALFORMED'], undefined]);
      });
    }

    it('is refused when it is no UTF-8', async () => {
      const alter = (bytes: Uint8Array): Uint8Array => Uint8Array.of(...bytes, 0xff);
      expect(await codes({ defects: { alter } })).to.deep.equal(['COLLATERAL_MALFORMED']);
    });
  });

  describe('and its chains', () => {
    it('must end in the root that is trusted', async () => {
      const pki = await createIntelPki({ surroundings });
      expect(await codes({ pki }), 'tcb signing and PCK authority').to.deep.equal([
        'COLLATERAL_CHAIN_INVALID',
        'COLLATERAL_CHAIN_INVALID',
      ]);
    });

    it('are each looked at', async () => {
      const other = await createIntelRoot({ surroundings });
      const foreign = await createIntelPki({ surroundings, root: other });
      for (const name of ['tcb_info_issuer_chain', 'qe_identity_issuer_chain', 'pck_crl_issuer_chain'] as const) {
        const chain = name === 'pck_crl_issuer_chain' ? [foreign.authority, other] : [foreign.tcbSigning, other];
        const found = await codes({ defects: { alterParts: (parts) => ({ ...parts, [name]: pemOf(...chain) }) } });
        expect(found, name).to.include('COLLATERAL_CHAIN_INVALID');
        expect(found, name).to.include(
          name === 'pck_crl_issuer_chain' ? 'CRL_INVALID' : 'COLLATERAL_SIGNATURE_INVALID',
        );
      }
    });

    it('are as long as Intel makes them, with one root', async () => {
      const { root, authority, tcbSigning } = plain;
      for (const chain of [[tcbSigning], [root, root], [authority, tcbSigning], [tcbSigning, authority, root]]) {
        const altered = await judged({
          defects: { alterParts: (parts) => ({ ...parts, qe_identity_issuer_chain: pemOf(...chain) }) },
        });
        expect([codesOf(altered), altered.collateral]).to.deep.equal([['COLLATERAL_CHAIN_INVALID'], undefined]);
      }
    });

    it('cannot be something else', async () => {
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({ ...parts, tcb_info_issuer_chain: 'none' });
      expect(await codes({ defects: { alterParts } })).to.deep.equal(['COLLATERAL_CHAIN_INVALID']);
    });

    it('must lead to the signer that Intel names for it, not to another below the root', async () => {
      const { authority, root } = plain;
      const asAuthority = await judged({
        defects: { alterParts: (parts) => ({ ...parts, tcb_info_issuer_chain: pemOf(authority, root) }) },
      });
      expect(codesOf(asAuthority)).to.include.members(['COLLATERAL_CHAIN_INVALID', 'COLLATERAL_SIGNATURE_INVALID']);
      const pki = await bent({ tcbSigning: () => ({ subject: 'CN=Intel SGX PCK Certificate, O=EMULATED' }) });
      expect(await codes({ pki })).to.deep.equal(['COLLATERAL_CHAIN_INVALID']);
    });

    it('must lead to an authority where they are for PCK certificates', async () => {
      const { tcbSigning, root } = plain;
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({
        ...parts,
        pck_crl_issuer_chain: pemOf(tcbSigning, root),
      });
      expect(await codes({ defects: { alterParts } })).to.include.members(['COLLATERAL_CHAIN_INVALID', 'CRL_INVALID']);
    });

    it('are refused with a certificate that the root did not sign', async () => {
      const { privateKey: signingKey } = plain.authority.keys;
      expect(await codes({ pki: await bent({ tcbSigning: () => ({ signingKey }) }) })).to.deep.equal([
        'COLLATERAL_CHAIN_INVALID',
      ]);
      expect(await codes({ pki: await bent({ authority: () => ({ signingKey }) }) })).to.deep.equal([
        'COLLATERAL_CHAIN_INVALID',
      ]);
    });

    it('are refused with a key that may not sign', async () => {
      const extensions = [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyAgreement, true)];
      expect(await codes({ pki: await bent({ tcbSigning: () => ({ extensions }) }) })).to.deep.equal([
        'COLLATERAL_CHAIN_INVALID',
      ]);
    });

    it('are refused before and after the validity of a certificate, which no policy tolerates', async () => {
      const past = [NOW_MS - 2 * DAY_MS, NOW_MS - 1000] as const;
      const future = [NOW_MS + 1000, NOW_MS + DAY_MS] as const;
      for (const role of ['tcbSigning', 'authority'] as const) {
        const expired = await judged({ pki: await bent({ [role]: () => ({ validMs: past }) }) });
        expect(
          expired.reasons.map(({ code }) => code),
          role,
        ).to.deep.equal(['COLLATERAL_EXPIRED']);
        const early = await judged({ pki: await bent({ [role]: () => ({ validMs: future }) }) });
        expect(
          early.reasons.map(({ code }) => code),
          role,
        ).to.deep.equal(['COLLATERAL_NOT_YET_VALID']);
      }
    });

    it('are refused when the root has revoked a certificate', async () => {
      const { serialNumber: signer } = plain.tcbSigning.certificate;
      const { serialNumber: authority } = plain.authority.certificate;
      expect(await codes({ contents: { revokedByRoot: [signer] } })).to.deep.equal(['CERT_REVOKED']);
      expect(await codes({ contents: { revokedByRoot: [authority] } })).to.deep.equal(['CERT_REVOKED']);
      const both = { contents: { revokedByRoot: [authority, signer] } };
      expect(await codes(both)).to.deep.equal(['CERT_REVOKED', 'CERT_REVOKED']);
      expect(await codes({ contents: { revokedPcks: [authority, signer] } }), 'by another list').to.deep.equal([]);
    });
  });

  describe('and its signatures', () => {
    it('are of the key of the certificate', async () => {
      const { privateKey: signingKey } = plain.authority.keys;
      const result = await judged({ defects: { signingKey } });
      expect(codesOf(result)).to.deep.equal(['COLLATERAL_SIGNATURE_INVALID', 'COLLATERAL_SIGNATURE_INVALID']);
      expect(result.collateral).to.equal(undefined);
    });

    it('are over the very bytes', async () => {
      for (const name of ['tcb_info', 'qe_identity'] as const) {
        const alterParts: CollateralDefects['alterParts'] = (parts) => ({
          ...parts,
          [name]: parts[name].replace('{', '{ '),
        });
        expect(await codes({ defects: { alterParts } }), name).to.deep.equal(['COLLATERAL_SIGNATURE_INVALID']);
      }
    });

    it('are of a key on P-256 alone', async () => {
      const pki = await bent({ tcbSigning: () => ({ namedCurve: 'P-384' }) });
      // Of the right length, which one on P-384 would not be.
      const { privateKey: signingKey } = plain.tcbSigning.keys;
      expect(await codes({ pki, defects: { signingKey } })).to.deep.equal([
        'COLLATERAL_SIGNATURE_INVALID',
        'COLLATERAL_SIGNATURE_INVALID',
      ]);
    });

    it('do not make one part into another', async () => {
      const swap: CollateralDefects['alterParts'] = (parts) => ({
        ...parts,
        qe_identity: parts.tcb_info,
        qe_identity_signature: parts.tcb_info_signature,
      });
      expect(await codes({ defects: { alterParts: swap } })).to.deep.equal(['COLLATERAL_MALFORMED']);
    });
  });

  describe('and what it is for', () => {
    it('is refused with TCB info of the other TEE', async () => {
      for (const tcbInfo of [sgxTcbInfo(ISSUED), sgxTcbInfo2(ISSUED)]) {
        const result = await judged({ defects: { tcbInfo } });
        expect([codesOf(result), result.collateral]).to.deep.equal([['TCB_INFO_TYPE_MISMATCH'], undefined]);
      }
      const sgx = await judged({ tee: 'SGX', defects: { tcbInfo: tdxTcbInfo(ISSUED) } });
      expect([codesOf(sgx), sgx.collateral]).to.deep.equal([['TCB_INFO_TYPE_MISMATCH'], undefined]);
    });

    it('is refused with the quoting enclave of the other TEE', async () => {
      const result = await judged({ defects: { qeIdentity: qeIdentity('SGX', ISSUED) } });
      expect([codesOf(result), result.collateral]).to.deep.equal([['QE_IDENTITY_MISMATCH'], undefined]);
      const sgx = { tee: 'SGX', defects: { qeIdentity: qeIdentity('TDX', ISSUED) } } as const;
      expect(await codes(sgx)).to.deep.equal(['QE_IDENTITY_MISMATCH']);
    });

    it('is refused with the identity of an enclave that makes no quotes', async () => {
      const identity = { ...qeIdentity('TDX', ISSUED), id: 'QVE' };
      expect(await codes({ defects: { qeIdentity: identity } })).to.deep.equal(['COLLATERAL_MALFORMED']);
    });
  });

  describe('and its revocation lists', () => {
    const absent: readonly unknown[] = [undefined, null, ''];
    for (const name of ['root_ca_crl', 'pck_crl'] as const) {
      it(`leaves to policy what to do without ${name}`, async () => {
        for (const value of absent) {
          const result = await judged({ defects: { alterParts: (parts) => ({ ...parts, [name]: value }) } });
          expect(result.reasons).to.deep.equal([]);
          expect(result.concerns.map(({ code }) => code)).to.deep.equal(['CRL_MISSING']);
          expect(result.collateral).to.be.an('object');
        }
      });

      it(`is refused with a ${name} that cannot be read`, async () => {
        for (const value of ['00', '3000', 'zz', '-----BEGIN X509 CRL-----']) {
          const result = await judged({ defects: { alterParts: (parts) => ({ ...parts, [name]: value }) } });
          expect(codesOf(result), value).to.deep.equal(['CRL_INVALID']);
        }
      });
    }

    it('is refused with a list of another authority, or of another key', async () => {
      const issuerName = 'CN=Intel SGX PCK Processor CA, O=EMULATED';
      const { privateKey: signingKey } = plain.tcbSigning.keys;
      for (const crl of [{ issuerName }, { signingKey }]) {
        expect(await codes({ defects: { pckCrl: crl } })).to.deep.equal(['CRL_INVALID']);
        expect(await codes({ defects: { rootCrl: crl } })).to.deep.equal(['CRL_INVALID']);
      }
    });

    it("is refused with the root's list in the place of the authority's", async () => {
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({ ...parts, pck_crl: parts.root_ca_crl });
      expect(await codes({ defects: { alterParts } })).to.deep.equal(['CRL_INVALID', 'CRL_INVALID']);
    });

    it('needs no chain for a list that did not come, and one for a list that did', async () => {
      const bare = { pck_crl_issuer_chain: null };
      const without = await judged({ defects: { alterParts: (parts) => ({ ...parts, ...bare, pck_crl: null }) } });
      expect(codesOf(without)).to.deep.equal(['CRL_MISSING']);
      expect(without.collateral?.pckCrlIssuer).to.equal(undefined);
      const alone = await judged({ defects: { alterParts: (parts) => ({ ...parts, ...bare }) } });
      expect(codesOf(alone)).to.deep.equal(['COLLATERAL_CHAIN_INVALID']);
    });
  });

  describe('in time', () => {
    it('is valid from the second of its issue to the last before its next update', async () => {
      expect(await codes({ atMs: ISSUED_MS })).to.deep.equal([]);
      expect(await codes({ atMs: DUE_MS + 999 })).to.deep.equal([]);
    });

    it('is refused before it was issued, each part by its own name', async () => {
      const { reasons, concerns } = await judged({ atMs: ISSUED_MS - 1 });
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
      const { reasons, concerns } = await judged({ atMs: DUE_MS + 1000 });
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
        const early = await judged({ defects: defectsFor([NOW_MS + 1000, DUE_MS]) });
        expect(early.reasons.map(({ code }) => code)).to.include('COLLATERAL_NOT_YET_VALID');
        expect(early.reasons.at(-1)?.detail).to.include(name);
        const late = await judged({ defects: defectsFor([ISSUED_MS, NOW_MS - 1000]) });
        expect([late.reasons, late.collateral?.validUntilMs]).to.deep.equal([[], NOW_MS - 1000]);
        expect(late.concerns.at(-1)).to.deep.include({ code: 'COLLATERAL_EXPIRED', endedMs: NOW_MS - 1000 });
      });
    }
  });

  it('lists everything that is wrong at once', async () => {
    const { privateKey: signingKey } = plain.authority.keys;
    const found = await codes({
      defects: { signingKey, pckCrl: { signingKey: plain.root.keys.privateKey } },
      atMs: DUE_MS + 1000,
    });
    expect(new Set(found)).to.deep.equal(
      new Set(['COLLATERAL_SIGNATURE_INVALID', 'CRL_INVALID', 'CRL_EXPIRED', 'COLLATERAL_EXPIRED']),
    );
  });

  it('never passes with a byte of any part changed', async () => {
    const crypto = memoCrypto();
    const bytes = await mintCollateral(plain, { tee: 'TDX', issuedMs: ISSUED_MS });
    expect(codesOf(await verified(bytes, { crypto }))).to.deep.equal([]);
    // A prime, so that the places differ between rows of hexadecimal and of base64.
    for (let at = 0; at < bytes.length; at += 13) {
      const altered = bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
      const found = codesOf(await verified(altered, { crypto }));
      expect(found.length, `byte ${at}`).to.be.greaterThan(0);
    }
  });
});

function codesOf({ reasons, concerns }: CollateralVerification): readonly string[] {
  return [...reasons, ...concerns].map(({ code }) => code);
}

function pemOfCrl(hex: string | null | undefined): string {
  const der = fromHex(hex ?? '') ?? new Uint8Array(0);
  return `-----BEGIN X509 CRL-----\n${toBase64(der)}\n-----END X509 CRL-----\n`;
}
