import { generateKeyPairSync, sign, webcrypto } from 'node:crypto';
import { expect } from 'chai';
import { concat, EMPTY, fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { CertificateSignature, CryptoPort, Kem } from '#shared/crypto/port.ts';
import { webCrypto } from '#shared/crypto/web.ts';

/** Both implementations of the port, each with the other as its peer. */
export const PORTS = {
  node: { port: nodeCrypto, peer: webCrypto(webcrypto) },
  web: { port: webCrypto(webcrypto), peer: nodeCrypto },
} as const;

const bytes = (hex: string) => fromHex(hex) ?? EMPTY;

/** What every implementation of the crypto port satisfies. */
export function cryptoPortContract(port: CryptoPort, peer: CryptoPort): void {
  digests(port);
  keyDerivation(port);
  sealing(port, peer);
  describe('X-Wing', () => keyEncapsulation(port.xWing, peer.xWing));
  describe('DHKEM(X25519)', () => keyEncapsulation(port.x25519, peer.x25519));
  signatures(port, peer);
  certificateSignatures(port);
}

function digests(port: CryptoPort): void {
  it('digests the parts as one, at once and piece by piece', () => {
    // FIPS 180-2 appendix B.1.
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(toHex(port.digest('sha256', utf8('a'), utf8('bc')))).to.equal(abc);
    const hasher = port.hasher('sha256');
    hasher.update(utf8('ab'));
    hasher.update(utf8('c'));
    expect(toHex(hasher.digest())).to.equal(abc);
    for (const name of ['sha256', 'sha384', 'sha512'] as const) {
      expect(port.digest(name)).to.deep.equal(port.digest(name, EMPTY, EMPTY));
    }
    expect(toHex(port.digest('sha1', utf8('a'), utf8('bc')))).to.equal('a9993e364706816aba3e25717850c26c9cd0d89d');
    expect(port.digest('sha384').length).to.equal(48);
    expect(port.digest('sha512').length).to.equal(64);
  });

  it('gives as many random bytes as asked, never the same', () => {
    expect(port.randomBytes(0)).to.have.length(0);
    expect(port.randomBytes(70_000)).to.have.length(70_000);
    expect(port.randomBytes(32)).to.not.deep.equal(port.randomBytes(32));
  });
}

function keyDerivation(port: CryptoPort): void {
  it('derives the keys of RFC 5869 test case 1', () => {
    const prk = port.hkdfExtract(bytes('000102030405060708090a0b0c'), new Uint8Array(22).fill(0x0b));
    expect(toHex(prk)).to.equal('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
    const okm = port.hkdfExpand(prk, bytes('f0f1f2f3f4f5f6f7f8f9'), 42);
    expect(toHex(okm)).to.equal('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865');
  });

  it('treats an empty salt as RFC 5869 test case 3 does', () => {
    const prk = port.hkdfExtract(EMPTY, new Uint8Array(22).fill(0x0b));
    expect(toHex(prk)).to.equal('19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04');
  });

  it('refuses to expand beyond 255 blocks', () => {
    expect(() => port.hkdfExpand(new Uint8Array(32), EMPTY, 255 * 32 + 1)).to.throw();
    expect(port.hkdfExpand(new Uint8Array(32), EMPTY, 255 * 32)).to.have.length(255 * 32);
  });
}

function sealing(port: CryptoPort, peer: CryptoPort): void {
  const key = new Uint8Array(32).fill(1);
  const nonce = new Uint8Array(12).fill(2);
  const aad = utf8('associated');

  it('seals to the AES-256-GCM answer of the specification (test case 14)', async () => {
    const sealed = await port.aesGcmSeal(new Uint8Array(32), new Uint8Array(12), EMPTY, new Uint8Array(16));
    expect(toHex(sealed)).to.equal('cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919');
  });

  it('opens what its peer sealed, down to nothing at all', async () => {
    for (const length of [0, 1, 15, 16, 17, 100_000]) {
      const plaintext = port.randomBytes(length);
      const sealed = await peer.aesGcmSeal(key, nonce, aad, plaintext);
      expect(sealed).to.have.length(length + 16);
      expect(await port.aesGcmOpen(key, nonce, aad, sealed)).to.deep.equal(plaintext);
    }
  });

  it('seals and opens views into larger buffers', async () => {
    const frame = port.randomBytes(300);
    const sealed = await port.aesGcmSeal(key, nonce, frame.subarray(3, 9), frame.subarray(100, 200));
    const padded = concat(frame, sealed, frame);
    const opened = await port.aesGcmOpen(key, nonce, frame.subarray(3, 9), padded.subarray(300, 300 + sealed.length));
    expect(opened).to.deep.equal(frame.slice(100, 200));
  });

  it('opens nothing when any byte of key, nonce, associated data or message differs', async () => {
    const sealed = await port.aesGcmSeal(key, nonce, aad, utf8('message'));
    for (const which of [0, 1, 2, 3]) {
      const parts = [key, nonce, aad, sealed].map((part) => part.slice()) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      const flipped = parts[which] ?? EMPTY;
      for (let i = 0; i < flipped.length; i++) {
        flipped[i] = (flipped[i] ?? 0) ^ 1;
        expect(await port.aesGcmOpen(...parts), `part ${which} byte ${i}`).to.equal(undefined);
        flipped[i] = (flipped[i] ?? 0) ^ 1;
      }
    }
  });

  it('opens nothing that is shorter than a tag', async () => {
    expect(await port.aesGcmOpen(key, nonce, aad, new Uint8Array(15))).to.equal(undefined);
    expect(await port.aesGcmOpen(key, nonce, aad, EMPTY)).to.equal(undefined);
  });
}

function keyEncapsulation(kem: Kem, peer: Kem): void {
  it('has keys and secrets of the stated sizes', () => {
    const { publicKey, secretKey } = kem.generate();
    const { encapsulated, sharedSecret } = kem.encapsulate(publicKey);
    expect([publicKey, secretKey, encapsulated, sharedSecret].map(({ length }) => length)).to.deep.equal([
      kem.publicKeyBytes,
      kem.secretKeyBytes,
      kem.encapsulatedBytes,
      kem.sharedSecretBytes,
    ]);
    expect(kem.publicKeyOf(secretKey)).to.deep.equal(publicKey);
    expect(peer.publicKeyOf(secretKey)).to.deep.equal(publicKey);
  });

  it('agrees with its peer in both directions, with a new secret each time', () => {
    const { publicKey, secretKey } = kem.generate();
    const ours = kem.encapsulate(publicKey);
    const theirs = peer.encapsulate(publicKey);
    expect(peer.decapsulate(ours.encapsulated, secretKey)).to.deep.equal(ours.sharedSecret);
    expect(kem.decapsulate(theirs.encapsulated, secretKey)).to.deep.equal(theirs.sharedSecret);
    expect(kem.encapsulate(publicKey).sharedSecret).to.not.deep.equal(ours.sharedSecret);
  });

  it('gives another secret for another encapsulated key', () => {
    const { publicKey, secretKey } = kem.generate();
    const { encapsulated, sharedSecret } = kem.encapsulate(publicKey);
    const altered = encapsulated.slice();
    altered[0] = (altered[0] ?? 0) ^ 1;
    expect(kem.decapsulate(altered, secretKey)).to.not.deep.equal(sharedSecret);
    expect(kem.decapsulate(altered, secretKey)).to.deep.equal(peer.decapsulate(altered, secretKey));
  });

  it('throws for keys and encapsulated keys of a wrong length', () => {
    const { publicKey, secretKey } = kem.generate();
    const { encapsulated } = kem.encapsulate(publicKey);
    expect(() => kem.encapsulate(publicKey.subarray(1))).to.throw(RangeError);
    expect(() => kem.decapsulate(encapsulated.subarray(1), secretKey)).to.throw(RangeError);
    expect(() => kem.decapsulate(encapsulated, secretKey.subarray(1))).to.throw(RangeError);
    expect(() => kem.publicKeyOf(secretKey.subarray(1))).to.throw(RangeError);
  });

  it('throws for an X25519 key of small order, on either side', () => {
    const { publicKey, secretKey } = kem.generate();
    const { encapsulated } = kem.encapsulate(publicKey);
    for (const low of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
      const badPublic = concat(publicKey.subarray(0, -32), low);
      const badEncapsulated = concat(encapsulated.subarray(0, -32), low);
      expect(() => kem.encapsulate(badPublic)).to.throw();
      expect(() => kem.decapsulate(badEncapsulated, secretKey)).to.throw();
    }
  });
}

function signatures(port: CryptoPort, peer: CryptoPort): void {
  it('signs the second message of RFC 8032 section 7.1 to its one signature', () => {
    const secretKey = bytes('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
    const publicKey = port.ed25519PublicKey(secretKey);
    expect(toHex(publicKey)).to.equal('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
    const signature = port.ed25519Sign(Uint8Array.of(0x72), secretKey);
    expect(toHex(signature)).to.equal(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
    expect(peer.ed25519Sign(Uint8Array.of(0x72), secretKey)).to.deep.equal(signature);
    expect(port.ed25519Verify(signature, Uint8Array.of(0x72), publicKey)).to.equal(true);
  });

  it('verifies what its peer signed and nothing with a flipped bit or a wrong length', () => {
    const { publicKey, secretKey } = peer.ed25519Generate();
    const message = utf8('message');
    const signature = peer.ed25519Sign(message, secretKey);
    expect(port.ed25519Verify(signature, message, publicKey)).to.equal(true);
    expect(port.ed25519Verify(signature, utf8('massage'), publicKey)).to.equal(false);
    expect(port.ed25519Verify(signature.subarray(1), message, publicKey)).to.equal(false);
    expect(port.ed25519Verify(signature, message, publicKey.subarray(1))).to.equal(false);
    for (let i = 0; i < 64; i += 3) {
      const altered = signature.slice();
      altered[i] = (altered[i] ?? 0) ^ 0x10;
      expect(port.ed25519Verify(altered, message, publicKey), `byte ${i}`).to.equal(false);
    }
  });

  it('throws for secret keys of a wrong length', () => {
    expect(() => port.ed25519Sign(EMPTY, new Uint8Array(31))).to.throw();
    expect(() => port.ed25519PublicKey(new Uint8Array(33))).to.throw();
  });
}

function certificateSignatures(port: CryptoPort): void {
  const message = utf8('to be signed');

  async function accepts(
    scheme: CertificateSignature,
    key: { spki: Uint8Array; signature: Uint8Array },
  ): Promise<void> {
    const verify = (signature: Uint8Array, text: Uint8Array) =>
      port.verifyCertificateSignature(scheme, key.spki, signature, text);
    expect(await verify(key.signature, message)).to.equal(true);
    expect(await verify(key.signature, utf8('to be resigned'))).to.equal(false);
    expect(await verify(key.signature.subarray(1), message)).to.equal(false);
    expect(await verify(concat(key.signature, Uint8Array.of(0)), message)).to.equal(false);
    expect(await verify(EMPTY, message)).to.equal(false);
    expect(await port.verifyCertificateSignature(scheme, key.spki.subarray(0, 20), key.signature, message)).to.equal(
      false,
    );
    expect(await port.verifyCertificateSignature(scheme, EMPTY, key.signature, message)).to.equal(false);
  }

  for (const [namedCurve, hash] of [
    ['P-256', 'sha256'],
    ['P-384', 'sha384'],
    ['P-521', 'sha512'],
  ] as const) {
    for (const encoding of ['der', 'raw'] as const) {
      it(`verifies ECDSA over ${namedCurve} in ${encoding} and refuses what was altered`, async () => {
        // Several signatures, because DER drops leading zeros and adds them by chance.
        for (let i = 0; i < 8; i++) {
          const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
          const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
          const dsaEncoding = encoding === 'der' ? 'der' : 'ieee-p1363';
          const signature = new Uint8Array(sign(hash, message, { key: privateKey, dsaEncoding }));
          await accepts({ kind: 'ecdsa', hash, encoding }, { spki, signature });
        }
      });
    }
  }

  it('verifies RSA-PSS and PKCS#1 and refuses one for the other', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
    const pss = { key: privateKey, padding: 6, saltLength: 48 };
    const pssSignature = new Uint8Array(sign('sha384', message, pss));
    await accepts({ kind: 'rsa-pss', hash: 'sha384', saltBytes: 48 }, { spki, signature: pssSignature });
    const pkcs1Signature = new Uint8Array(sign('sha256', message, privateKey));
    await accepts({ kind: 'rsa-pkcs1', hash: 'sha256' }, { spki, signature: pkcs1Signature });
    const mixed = port.verifyCertificateSignature({ kind: 'rsa-pkcs1', hash: 'sha384' }, spki, pssSignature, message);
    expect(await mixed).to.equal(false);
    const asEcdsa = { kind: 'ecdsa', hash: 'sha384', encoding: 'der' } as const;
    expect(await port.verifyCertificateSignature(asEcdsa, spki, pssSignature, message)).to.equal(false);
  });

  it('verifies RSA with SHA-384 of 3072 bits, and refuses another hash, salt and family', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
    const signature = new Uint8Array(sign('sha384', message, privateKey));
    await accepts({ kind: 'rsa-pkcs1', hash: 'sha384' }, { spki, signature });
    const pss = { kind: 'rsa-pss', hash: 'sha384', saltBytes: 48 } as const;
    expect(await port.verifyCertificateSignature(pss, spki, signature, message)).to.equal(false);
    const otherHash = { kind: 'rsa-pkcs1', hash: 'sha256' } as const;
    expect(await port.verifyCertificateSignature(otherHash, spki, signature, message)).to.equal(false);
    const shortSalt = new Uint8Array(sign('sha384', message, { key: privateKey, padding: 6, saltLength: 32 }));
    expect(await port.verifyCertificateSignature(pss, spki, shortSalt, message)).to.equal(false);
    const { publicKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const ecSpki = new Uint8Array(ec.export({ format: 'der', type: 'spki' }));
    expect(await port.verifyCertificateSignature(pss, ecSpki, signature, message)).to.equal(false);
  });
}
