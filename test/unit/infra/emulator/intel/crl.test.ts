import { expect } from 'chai';
import type { EmulatorRoot } from '#infra/emulator/certify.ts';
import { derOf } from '#infra/emulator/certify.ts';
import { mintIntelCrl } from '#infra/emulator/intel/crl.ts';
import { createIntelRoot } from '#infra/emulator/intel/pki.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { parseCrl, verifyCrl } from '#shared/attestation/x509/crl.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { INTEL_SURROUNDINGS as surroundings } from '#test/fakes/tee/intel.ts';

const VALID_MS = [NOW_MS - 1000, NOW_MS + 86_400_000] as const;

describe('emulated revocation lists of Intel', () => {
  let root: EmulatorRoot;
  before(async () => {
    root = await createIntelRoot({ surroundings });
  });

  const minted = (revoked: readonly string[]) => mintIntelCrl(root, { validMs: VALID_MS, revoked });
  const verified = (der: Uint8Array) =>
    verifyCrl(parseCrl(der), parseCertificate(derOf(root)), {
      atMs: NOW_MS,
      allowed: ['ecdsa-sha256'],
      crypto: nodeCrypto,
    });

  it('are by their issuer, for the time and of the serial numbers that are asked for', async () => {
    const der = minted(['0a', '00ff']);
    const crl = parseCrl(der);
    expect([...crl.revoked]).to.deep.equal(['0a', '00ff']);
    expect([crl.thisUpdateMs, crl.nextUpdateMs]).to.deep.equal(VALID_MS);
    expect(crl.issuerText).to.include('EMULATED');
    expect(await verified(der)).to.deep.equal({ reasons: [], concerns: [] });
  });

  it('may revoke nothing', async () => {
    expect(parseCrl(minted([])).revoked.size).to.equal(0);
  });

  it('can be by another name and of another key', async () => {
    const other = await createIntelRoot({ surroundings });
    for (const defects of [{ issuerName: 'CN=other' }, { signingKey: other.keys.privateKey }]) {
      const { reasons } = await verified(mintIntelCrl(root, { validMs: VALID_MS }, defects));
      expect(reasons.map(({ code }) => code)).to.deep.equal(['CRL_INVALID']);
    }
  });
});
