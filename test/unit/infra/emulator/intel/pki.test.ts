import { expect } from 'chai';
import { createIntelPki, createIntelRoot, issuePck, pemOf } from '#infra/emulator/intel/pki.ts';
import { PLAIN_PLATFORM } from '#infra/emulator/intel/quote.ts';
import { splitCertificates } from '#shared/attestation/dcap/certificates.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { INTEL_SURROUNDINGS } from '#test/fakes/tee/intel.ts';

const options = { surroundings: INTEL_SURROUNDINGS };

describe("emulated hierarchy of Intel's certificates", () => {
  it('says EMULATED in the name of every certificate', async () => {
    const pki = await createIntelPki(options);
    const pck = await issuePck(pki, PLAIN_PLATFORM, options);
    for (const { certificate } of [pki.root, pki.authority, pki.tcbSigning, pck]) {
      expect(certificate.subject).to.include('O=EMULATED');
      expect(certificate.issuer).to.equal(
        pki[certificate === pck.certificate ? 'authority' : 'root'].certificate.subject,
      );
    }
    expect(pki.root.certificate.subject).to.include('CN=EMULATED');
  });

  it('can be made again under a root that was kept', async () => {
    const root = await createIntelRoot(options);
    const [one, other] = await Promise.all([
      createIntelPki({ ...options, root }),
      createIntelPki({ ...options, root, authority: 'Processor' }),
    ]);
    expect([one.root.sha256, other.root.sha256]).to.deep.equal([root.sha256, root.sha256]);
    expect(one.authority.certificate.subject).to.include('Platform CA');
    expect(other.authority.certificate.subject).to.include('Processor CA');
  });

  it('is written as the chains in quotes are', async () => {
    const { root, authority } = await createIntelPki(options);
    expect(splitCertificates(utf8(pemOf(authority, root)))).to.deep.equal(
      [authority, root].map(({ certificate }) => new Uint8Array(certificate.rawData)),
    );
  });
});
