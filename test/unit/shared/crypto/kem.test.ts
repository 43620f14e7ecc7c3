import { readFileSync } from 'node:fs';
import { x25519 } from '@noble/curves/ed25519.js';
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import { expect } from 'chai';
import { concat, EMPTY, fromHex, toHex } from '#shared/bytes/bytes.ts';
import { dhkemX25519, type X25519 } from '#shared/crypto/x25519.ts';
import { PORTS } from '#test/contract/crypto-port.ts';

interface XWingVector {
  readonly seed: string;
  readonly pk: string;
  readonly ct: string;
  readonly ss: string;
}

function vectorFile(name: string): { readonly vectors: readonly XWingVector[] } & Record<string, string> {
  return JSON.parse(readFileSync(new URL(`../../../vectors/${name}`, import.meta.url), 'utf8'));
}

const bytes = (hex: string | undefined) => fromHex(hex ?? '') ?? EMPTY;

for (const [name, { port }] of Object.entries(PORTS)) {
  describe(`KEMs on ${name}`, () => {
    it('gives the keys and secrets of the X-Wing draft', () => {
      const { vectors } = vectorFile('x-wing.json');
      expect(vectors).to.have.length(3);
      for (const { seed, pk, ct, ss } of vectors) {
        expect(toHex(port.xWing.publicKeyOf(bytes(seed)))).to.equal(pk);
        expect(toHex(port.xWing.decapsulate(bytes(ct), bytes(seed)))).to.equal(ss);
      }
    });

    it('agrees with another X-Wing in both directions', () => {
      const { publicKey, secretKey } = port.xWing.generate();
      expect(ml_kem768_x25519.keygen(secretKey).publicKey).to.deep.equal(publicKey);
      const theirs = ml_kem768_x25519.encapsulate(publicKey);
      expect(port.xWing.decapsulate(theirs.cipherText, secretKey)).to.deep.equal(theirs.sharedSecret);
      const ours = port.xWing.encapsulate(publicKey);
      expect(ml_kem768_x25519.decapsulate(ours.encapsulated, secretKey)).to.deep.equal(ours.sharedSecret);
    });

    it('refuses an ML-KEM key that is not reduced', () => {
      const { publicKey } = port.xWing.generate();
      const unreduced = concat(new Uint8Array(1184).fill(0xff), publicKey.subarray(1184));
      expect(() => port.xWing.encapsulate(unreduced)).to.throw();
    });

    it('gives the shared secret of RFC 9180 appendix A.1.1', () => {
      const vector = vectorFile('rfc9180-dhkem.json');
      const secret = port.x25519.decapsulate(bytes(vector.enc), bytes(vector.skRm));
      expect(toHex(secret)).to.equal(vector.sharedSecret);
      expect(toHex(port.x25519.publicKeyOf(bytes(vector.skRm)))).to.equal(vector.pkRm);
    });

    it('encapsulates as RFC 9180 appendix A.1.1 does under its ephemeral key', () => {
      const vector = vectorFile('rfc9180-dhkem.json');
      const platform: X25519 = {
        publicKeyOf: (secretKey) => x25519.getPublicKey(secretKey),
        sharedSecret: (secretKey, publicKey) => x25519.getSharedSecret(secretKey, publicKey),
      };
      const { hkdfExtract, hkdfExpand } = port;
      const fixed = { x25519: platform, randomBytes: () => bytes(vector.skEm), hkdfExtract, hkdfExpand };
      const { encapsulated, sharedSecret } = dhkemX25519(fixed).encapsulate(bytes(vector.pkRm));
      expect(toHex(encapsulated)).to.equal(vector.enc);
      expect(toHex(sharedSecret)).to.equal(vector.sharedSecret);
    });
  });
}
