import { expect } from 'chai';
import { type CollateralDefects, mintCollateral } from '#infra/emulator/intel/collateral.ts';
import { type IntelPki, pemOf } from '#infra/emulator/intel/pki.ts';
import { qeIdentity, sgxTcbInfo, sgxTcbInfo2, tdxTcbInfo } from '#infra/emulator/intel/tcb.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { fromHex, utf8 } from '#shared/bytes/bytes.ts';
import { codesIn, DUE_MS, type FakeCollateral, fakeCollateral, ISSUED, ISSUED_MS } from '#test/fakes/tee/collateral.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';

describe("Intel's collateral", () => {
  let fake: FakeCollateral;
  let plain: IntelPki;
  before(async () => {
    fake = await fakeCollateral();
    plain = fake.pki;
  });

  it('is read for either TEE', async () => {
    const { reasons, concerns, collateral } = await fake.judged();
    expect([reasons, concerns]).to.deep.equal([[], []]);
    expect([collateral?.tcbInfo.tee, collateral?.qeIdentity.id]).to.deep.equal(['TDX', 'TD_QE']);
    expect([collateral?.validFromMs, collateral?.validUntilMs]).to.deep.equal([ISSUED_MS, DUE_MS]);
    const sgx = await fake.judged({ tee: 'SGX' });
    expect([codesIn(sgx), sgx.collateral?.tcbInfo.version]).to.deep.equal([[], 3]);
    expect(await fake.codes({ tee: 'SGX', defects: { tcbInfo: sgxTcbInfo2(ISSUED) } })).to.deep.equal([]);
  });

  it('gives the lists of the root and of the PCK authority', async () => {
    const { collateral } = await fake.judged({ contents: { revokedByRoot: ['02'], revokedPcks: ['0f', '0a'] } });
    expect([...(collateral?.rootCrl?.revoked ?? [])]).to.deep.equal(['02']);
    expect([...(collateral?.pckCrl?.revoked ?? [])]).to.deep.equal(['0f', '0a']);
    expect(collateral?.pckCrlIssuer?.der).to.deep.equal(new Uint8Array(plain.authority.certificate.rawData));
  });

  it('counts as old as the older of its evaluations', async () => {
    const older = qeIdentity('TDX', { ...ISSUED, evaluationNumber: 17 });
    const { collateral } = await fake.judged({ defects: { qeIdentity: older } });
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
      expect(await fake.codes({ defects: { alterParts } })).to.deep.equal([]);
    });

    it('may hold revocation lists in PEM', async () => {
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({ ...parts, pck_crl: pemOfCrl(parts.pck_crl) });
      expect(await fake.codes({ defects: { alterParts } })).to.deep.equal([]);
    });

    const alterations: Readonly<Record<string, (text: string) => string>> = {
      'that is cut off': (text) => text.slice(0, -1),
      'with something behind it': (text) => `${text} {}`,
      'that names a part twice': (text) => text.replace('{', '{"tcb_info":"{}",'),
      'without TCB info': (text) => text.replace('"tcb_info":', '"tcb-info":'),
      'with a number for a chain': (text) => text.replace('"pck_crl_issuer_chain":', '"pck_crl_issuer_chain":1,"x":'),
      'that is too long': (text) => text + ' '.repeat(48 * 1024),
      'that is a list': () => '[]',
      'that is empty': () => '',
    };
    for (const [name, alter] of Object.entries(alterations)) {
      it(`is refused ${name}`, async () => {
        const result = await fake.judged({
          defects: { alter: (bytes) => utf8(alter(new TextDecoder().decode(bytes))) },
        });
        expect([codesIn(result), result.collateral]).to.deep.equal([['COLLATERAL_MALFORMED'], undefined]);
      });
    }

    it('is refused when it is no UTF-8', async () => {
      const alter = (bytes: Uint8Array): Uint8Array => Uint8Array.of(...bytes, 0xff);
      expect(await fake.codes({ defects: { alter } })).to.deep.equal(['COLLATERAL_MALFORMED']);
    });
  });

  describe('and its signatures', () => {
    it('are of the key of the certificate', async () => {
      const { privateKey: signingKey } = plain.authority.keys;
      const result = await fake.judged({ defects: { signingKey } });
      expect(codesIn(result)).to.deep.equal(['COLLATERAL_SIGNATURE_INVALID', 'COLLATERAL_SIGNATURE_INVALID']);
      expect(result.collateral).to.equal(undefined);
    });

    it('are over the very bytes', async () => {
      for (const name of ['tcb_info', 'qe_identity'] as const) {
        const alterParts: CollateralDefects['alterParts'] = (parts) => ({
          ...parts,
          [name]: parts[name].replace('{', '{ '),
        });
        expect(await fake.codes({ defects: { alterParts } }), name).to.deep.equal(['COLLATERAL_SIGNATURE_INVALID']);
      }
    });

    it('are of a key on P-256 alone', async () => {
      const pki = await fake.bent({ tcbSigning: () => ({ namedCurve: 'P-384' }) });
      // Of the right length, which one on P-384 would not be.
      const { privateKey: signingKey } = plain.tcbSigning.keys;
      expect(await fake.codes({ pki, defects: { signingKey } })).to.deep.equal([
        'COLLATERAL_SIGNATURE_INVALID',
        'COLLATERAL_SIGNATURE_INVALID',
      ]);
    });

    it('are R and S in hexadecimal, and no reason to look at nothing else', async () => {
      const revokedByRoot = [plain.tcbSigning.certificate.serialNumber];
      for (const signature of ['', '00'.repeat(63), '00'.repeat(65), 'zz'.repeat(64)]) {
        const alterParts: CollateralDefects['alterParts'] = (parts) => ({ ...parts, tcb_info_signature: signature });
        const result = await fake.judged({ defects: { alterParts }, contents: { revokedByRoot } });
        const wanted = ['COLLATERAL_MALFORMED', 'COLLATERAL_SIGNATURE_INVALID', 'CERT_REVOKED'];
        expect([codesIn(result), result.collateral], signature.slice(0, 2)).to.deep.equal([wanted, undefined]);
      }
    });

    it('are of parts that are there', async () => {
      const alterParts: CollateralDefects['alterParts'] = (parts) => ({ ...parts, tcb_info: '', qe_identity: '' });
      expect(await fake.codes({ defects: { alterParts } })).to.deep.equal([
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
      expect(await fake.codes({ defects: { alterParts: swap } })).to.deep.equal(['COLLATERAL_MALFORMED']);
    });
  });

  describe('and what it is for', () => {
    it('is refused with TCB info of the other TEE', async () => {
      for (const tcbInfo of [sgxTcbInfo(ISSUED), sgxTcbInfo2(ISSUED)]) {
        const result = await fake.judged({ defects: { tcbInfo } });
        expect([codesIn(result), result.collateral]).to.deep.equal([['TCB_INFO_TYPE_MISMATCH'], undefined]);
      }
      const sgx = await fake.judged({ tee: 'SGX', defects: { tcbInfo: tdxTcbInfo(ISSUED) } });
      expect([codesIn(sgx), sgx.collateral]).to.deep.equal([['TCB_INFO_TYPE_MISMATCH'], undefined]);
    });

    it('is refused with the quoting enclave of the other TEE', async () => {
      const result = await fake.judged({ defects: { qeIdentity: qeIdentity('SGX', ISSUED) } });
      expect([codesIn(result), result.collateral]).to.deep.equal([['QE_IDENTITY_MISMATCH'], undefined]);
      const sgx = { tee: 'SGX', defects: { qeIdentity: qeIdentity('TDX', ISSUED) } } as const;
      expect(await fake.codes(sgx)).to.deep.equal(['QE_IDENTITY_MISMATCH']);
    });

    it('is refused with the identity of an enclave that makes no quotes', async () => {
      const identity = { ...qeIdentity('TDX', ISSUED), id: 'QVE' };
      const result = await fake.judged({ defects: { qeIdentity: identity } });
      expect(codesIn(result)).to.deep.equal(['QE_IDENTITY_MISMATCH']);
      expect(result.reasons[0]).to.include({ found: 'QVE', wanted: 'TD_QE' });
      expect(result.collateral).to.equal(undefined);
    });
  });

  it('lists everything that is wrong at once', async () => {
    const { privateKey: signingKey } = plain.authority.keys;
    const found = await fake.codes({
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
    expect(codesIn(await fake.verified(bytes, { crypto }))).to.deep.equal([]);
    // A prime, so that the places differ between rows of hexadecimal and of base64.
    for (let at = 0; at < bytes.length; at += 13) {
      const altered = bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
      const found = codesIn(await fake.verified(altered, { crypto }));
      expect(found.length, `byte ${at}`).to.be.greaterThan(0);
    }
  });
});

function pemOfCrl(hex: string | null | undefined): string {
  const der = fromHex(hex ?? '') ?? new Uint8Array(0);
  return `-----BEGIN X509 CRL-----\n${toBase64(der)}\n-----END X509 CRL-----\n`;
}
