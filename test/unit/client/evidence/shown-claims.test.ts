import { expect } from 'chai';
import { shownClaims } from '#client/evidence/shown-claims.ts';
import { mintDocument } from '#infra/emulator/document.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import { encodeTpmDocument } from '#shared/attestation/tpm/document.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { contentsOf, fakePlatform, NOW_MS } from '#test/fakes/tee/enclave.ts';
import { bootedMachine, partsOf } from '#test/unit/shared/attestation/tpm/machine.ts';

describe('what evidence says of itself', () => {
  let evidence: Evidence;
  before(async () => {
    const platform = await fakePlatform();
    const document = await mintDocument(platform.chain, contentsOf(platform));
    evidence = { platform: 'aws-nitro', document, endorsements: [] };
  });

  it('is shown although nobody vouches for its root, and that is said', async () => {
    const { claims, reasons } = await shownClaims(evidence, NOW_MS, nodeCrypto);
    expect(reasons.map(({ code }) => code)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(claims?.measurements).to.have.property('PCR0');
    expect(claims?.root).to.include({ name: 'a root that nobody vouches for', emulated: true });
  });

  it('is not called emulated where it rests on a key, as that of any TPM does', async () => {
    const document = encodeTpmDocument(partsOf(bootedMachine()));
    const server: Evidence = { platform: 'tpm-quote', document, endorsements: [] };
    const { claims, unvouched } = await shownClaims(server, NOW_MS, nodeCrypto);
    expect(claims?.root).to.include({ name: 'a key that nobody vouches for', emulated: false });
    expect(unvouched).to.include({ kind: 'key', platform: 'tpm-quote' });
  });

  it('is shown after its time as well', async () => {
    const { claims, reasons } = await shownClaims(evidence, NOW_MS + 86_400_000, nodeCrypto);
    expect(reasons.map(({ code }) => code)).to.include('CERT_EXPIRED');
    expect(claims?.measurements).to.have.property('PCR0');
  });

  it('is nothing where it cannot be read', async () => {
    const { claims, reasons } = await shownClaims({ ...evidence, document: Uint8Array.of(0xff) }, NOW_MS, nodeCrypto);
    expect(claims).to.equal(undefined);
    expect(reasons.map(({ code }) => code)).to.deep.equal(['MALFORMED']);
  });
});
