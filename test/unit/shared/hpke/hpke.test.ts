import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { XWing } from '@hpke/hybridkem-x-wing';
import { expect } from 'chai';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { hpkeInfo } from '#shared/hpke/info.ts';
import { open, setupReceiver } from '#shared/hpke/open.ts';
import { seal, setupSender } from '#shared/hpke/seal.ts';
import { KEM_X_WING, KEM_X25519, kemOf } from '#shared/hpke/suite.ts';

const INFO = utf8('info');
const AAD = utf8('aad');
const PLAINTEXT = utf8('plaintext');

/** Another implementation's bytes and ours in the types that each wants. */
const theirs = (bytes: Uint8Array) => new Uint8Array(bytes).buffer;
const ours = (buffer: ArrayBuffer) => new Uint8Array(buffer);

const KEMS = [
  { name: 'X-Wing', id: KEM_X_WING, other: () => new XWing() },
  { name: 'DHKEM(X25519)', id: KEM_X25519, other: () => new DhkemX25519HkdfSha256() },
] as const;

describe('HPKE', () => {
  it('knows two KEMs and no other', () => {
    expect(kemOf(KEM_X_WING, crypto)).to.equal(crypto.xWing);
    expect(kemOf(KEM_X25519, crypto)).to.equal(crypto.x25519);
    expect(kemOf(0x0010, crypto)).to.equal(undefined);
  });

  it('binds version, purpose, roles and study in its info', () => {
    const info = hpkeInfo('update', { sender: 'participant', receiver: 'enclave' }, Uint8Array.of(0xab));
    expect(toHex(info)).to.equal(
      `0000000b${toHex(utf8('cloister/v1'))}00000006${toHex(utf8('update'))}0000000b${toHex(utf8('participant'))}00000007${toHex(utf8('enclave'))}00000001ab`,
    );
  });

  for (const { name, id, other } of KEMS) {
    describe(`with ${name}`, () => {
      const kem = kemOf(id, crypto) ?? crypto.xWing;
      const suite = new CipherSuite({ kem: other(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
      const { publicKey, secretKey } = kem.generate();

      it('opens what another implementation sealed, and exports the same secrets', async () => {
        const recipientPublicKey = await suite.kem.deserializePublicKey(theirs(publicKey));
        const sender = await suite.createSenderContext({ recipientPublicKey, info: theirs(INFO) });
        const message = {
          encapsulated: ours(sender.enc),
          sealed: ours(await sender.seal(theirs(PLAINTEXT), theirs(AAD))),
        };
        const opened = await open(kem, { ...message, aad: AAD }, { secretKey, info: INFO }, crypto);
        expect(opened).to.deep.equal(PLAINTEXT);
        const receiver = setupReceiver(kem, message.encapsulated, { secretKey, info: INFO }, crypto);
        for (const length of [7, 32, 100]) {
          const exported = ours(await sender.export(theirs(utf8('stream key')), length));
          expect(receiver?.exportSecret('stream key', length)).to.deep.equal(exported);
        }
      });

      it('seals what another implementation opens, and exports the same secrets', async () => {
        const sealed = await seal(kem, { publicKey, info: INFO, aad: AAD, plaintext: PLAINTEXT }, crypto);
        const recipientKey = await suite.kem.deserializePrivateKey(theirs(secretKey));
        const receiver = await suite.createRecipientContext({
          recipientKey,
          enc: theirs(sealed.encapsulated),
          info: theirs(INFO),
        });
        expect(ours(await receiver.open(theirs(sealed.sealed), theirs(AAD)))).to.deep.equal(PLAINTEXT);
        const sender = setupSender(kem, publicKey, INFO, crypto);
        const peer = await suite.createRecipientContext({
          recipientKey,
          enc: theirs(sender.encapsulated),
          info: theirs(INFO),
        });
        expect(sender.context.exportSecret(utf8('x'), 32)).to.deep.equal(
          ours(await peer.export(theirs(utf8('x')), 32)),
        );
      });

      it('opens nothing under another info, key, associated data or encapsulated key', async () => {
        const sealed = await seal(kem, { publicKey, info: INFO, aad: AAD, plaintext: PLAINTEXT }, crypto);
        const message = { ...sealed, aad: AAD };
        const altered = sealed.encapsulated.slice();
        altered[5] = (altered[5] ?? 0) ^ 1;
        const attempts = [
          open(kem, message, { secretKey, info: utf8('Info') }, crypto),
          open(kem, message, { secretKey: kem.generate().secretKey, info: INFO }, crypto),
          open(kem, { ...message, aad: PLAINTEXT }, { secretKey, info: INFO }, crypto),
          open(kem, { ...message, encapsulated: altered }, { secretKey, info: INFO }, crypto),
          open(kem, { ...message, encapsulated: altered.subarray(1) }, { secretKey, info: INFO }, crypto),
          open(
            kem,
            { ...message, encapsulated: new Uint8Array(kem.encapsulatedBytes) },
            { secretKey, info: INFO },
            crypto,
          ),
          open(kem, { ...message, sealed: sealed.sealed.subarray(1) }, { secretKey, info: INFO }, crypto),
        ];
        expect(await Promise.all(attempts)).to.deep.equal(attempts.map(() => undefined));
      });

      it('throws for keys of a wrong length, which are our own fault', async () => {
        expect(() => setupSender(kem, publicKey.subarray(1), INFO, crypto)).to.throw(RangeError);
        const { encapsulated } = setupSender(kem, publicKey, INFO, crypto);
        const receiver = { secretKey: secretKey.subarray(1), info: INFO };
        expect(() => setupReceiver(kem, encapsulated, receiver, crypto)).to.throw(RangeError);
      });

      it('holds no secret after it was wiped', () => {
        const { context } = setupSender(kem, publicKey, INFO, crypto);
        const before = context.exportSecret('a', 32);
        context.wipe();
        expect(context.key.every((byte) => byte === 0) && context.nonce.every((byte) => byte === 0)).to.equal(true);
        expect(context.exportSecret('a', 32)).to.not.deep.equal(before);
      });
    });
  }
});
