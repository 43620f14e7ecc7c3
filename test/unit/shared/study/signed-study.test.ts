import { expect } from 'chai';
import fc from 'fast-check';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { openSignedStudy, signStudy } from '#shared/study/signed-study.ts';
import { readStudy } from '#shared/study/study.ts';
import { coordinator, manifestBytes, participants } from './sample-manifest.ts';

const study = readStudy(manifestBytes(), nodeCrypto);

describe('signed study', () => {
  it('opens to the same study that was signed', () => {
    const opened = openSignedStudy(signStudy(study, coordinator.secretKey, nodeCrypto), nodeCrypto);
    expect(opened.digest).to.deep.equal(study.digest);
    expect(opened.bytes).to.deep.equal(manifestBytes());
  });

  it('is not signed with a key that the manifest does not name', () => {
    const other = participants[0]?.identity.secretKey ?? new Uint8Array();
    expect(() => signStudy(study, other, nodeCrypto))
      .to.throw(Fault)
      .with.property('code', 'MANIFEST_SIGNATURE_INVALID');
  });

  it('does not open when any one byte is changed', () => {
    const envelope = signStudy(study, coordinator.secretKey, nodeCrypto);
    fc.assert(
      fc.property(fc.nat(envelope.length - 1), fc.integer({ min: 1, max: 255 }), (index, flip) => {
        const other = envelope.with(index, (envelope[index] ?? 0) ^ flip);
        expect(() => openSignedStudy(other, nodeCrypto))
          .to.throw(Fault)
          .with.property('code')
          .that.matches(/^MANIFEST_/);
      }),
      { numRuns: 150 },
    );
  });
});
