import { expect } from 'chai';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import {
  decodeKeyFile,
  encodeKeyFile,
  generateCoordinatorKeys,
  generateParticipantKeys,
} from '#shared/keys/key-file.ts';

const coordinator = generateCoordinatorKeys(nodeCrypto);
const participant = generateParticipantKeys(nodeCrypto);
const other = generateParticipantKeys(nodeCrypto);

describe('key file', () => {
  it('gives back the keys of a coordinator and of a participant', () => {
    for (const keys of [coordinator, participant]) {
      expect(decodeKeyFile(encodeKeyFile(keys), nodeCrypto)).to.deep.equal(keys);
    }
  });

  const mixed = {
    'an identity key of somebody else': {
      ...participant,
      identity: { ...participant.identity, publicKey: other.identity.publicKey },
    },
    'a release key of somebody else': {
      ...participant,
      release: { ...participant.release, publicKey: other.release.publicKey },
    },
    'a malformed release key': {
      ...participant,
      release: { ...participant.release, publicKey: new Uint8Array(1216).fill(255) },
    },
    'a short secret': { ...participant, identity: { ...participant.identity, secretKey: new Uint8Array(31) } },
  };
  for (const [what, keys] of Object.entries(mixed)) {
    it(`is refused with ${what}, quoting nothing of it`, () => {
      expect(() => decodeKeyFile(encodeKeyFile(keys), nodeCrypto))
        .to.throw(Fault)
        .that.satisfies(({ code, message }: Fault) => code === 'KEY_FILE_INVALID' && !message.includes('='));
    });
  }

  it('is refused when it is something else', () => {
    for (const text of ['', '{}', 'null', '{"format":"cloister-key","version":2}', ' '.repeat(20_000)]) {
      expect(() => decodeKeyFile(utf8(text), nodeCrypto))
        .to.throw(Fault)
        .with.property('code', 'KEY_FILE_INVALID');
    }
  });
});
