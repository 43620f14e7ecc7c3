import { expect } from 'chai';
import { mintCrl } from '#infra/emulator/crl.ts';
import { createIntelRoot, derOf, INTEL_SIGNING } from '#infra/emulator/intel/pki.ts';
import type { EmulatorRoot } from '#infra/emulator/pki.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { parseCrl, verifyCrl } from '#shared/attestation/x509/crl.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { INTEL_SURROUNDINGS as surroundings } from '#test/fakes/tee/intel.ts';

const VALID_MS = [NOW_MS - 1000, NOW_MS + 86_400_000] as const;

describe('emulated revocation lists', () => {
  let root: EmulatorRoot;
  before(async () => {
    root = await createIntelRoot({ surroundings });
  });

  const minted = (revoked: readonly string[]) =>
    mintCrl({ issuer: root, signing: INTEL_SIGNING, validMs: VALID_MS, revoked });
  const verified = (der: Uint8Array) =>
    verifyCrl(parseCrl(der), parseCertificate(derOf(root)), {
      atMs: NOW_MS,
      allowed: ['ecdsa-sha256'],
      crypto: nodeCrypto,
    });

  it('are by their issuer, for the time and of the serial numbers that are asked for', async () => {
    const der = await minted(['0a', 'ff']);
    const crl = parseCrl(der);
    expect([...crl.revoked]).to.deep.equal(['0a', '00ff']);
    expect([crl.thisUpdateMs, crl.nextUpdateMs]).to.deep.equal(VALID_MS);
    expect(crl.issuerText).to.include('EMULATED');
    expect(await verified(der)).to.deep.equal({ reasons: [], concerns: [] });
  });

  it('may revoke nothing', async () => {
    expect(parseCrl(await minted([])).revoked.size).to.equal(0);
  });

  it('can be altered after they were signed', async () => {
    const alter = (der: Uint8Array): Uint8Array => der.map((byte, at) => (at === der.length - 1 ? byte ^ 1 : byte));
    const der = await mintCrl({ issuer: root, signing: INTEL_SIGNING, validMs: VALID_MS }, { alter });
    const { reasons } = await verified(der);
    expect(reasons.map(({ code }) => code)).to.deep.equal(['CRL_INVALID']);
  });
});
