import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { expect } from 'chai';
import { concat, fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { isStrictEd25519Point } from '#shared/crypto/ed25519-point.ts';
import { PORTS } from '#test/contract/crypto-port.ts';

const { Point } = ed25519;
const { ORDER } = Point.Fn;
const P = 2n ** 255n - 19n;

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let i = 0, rest = value; i < 32; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** A point of order 8: any point times the order of the prime subgroup, unless that falls into a smaller group. */
function torsionPoint(): InstanceType<typeof Point> {
  const eighth = Point.fromBytes(
    fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a') ?? new Uint8Array(),
  );
  expect(eighth.multiplyUnsafe(4n).equals(Point.ZERO)).to.equal(false);
  expect(eighth.multiplyUnsafe(8n).equals(Point.ZERO)).to.equal(true);
  return eighth;
}

/** Both answers, which must be one. */
function verdict(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const answers = Object.values(PORTS).map(({ port }) => port.ed25519Verify(signature, message, publicKey));
  expect(new Set(answers).size, 'both ports agree').to.equal(1);
  return answers[0] === true;
}

describe('strict Ed25519', () => {
  const secret = new Uint8Array(32).fill(7);
  const publicKey = ed25519.getPublicKey(secret);
  const message = utf8('message');
  const signature = ed25519.sign(message, secret);

  it('accepts an honest signature', () => {
    expect(verdict(signature, message, publicKey)).to.equal(true);
  });

  it('refuses S that was raised by the group order', () => {
    const s = numberOf(signature.subarray(32)) + ORDER;
    expect(verdict(concat(signature.subarray(0, 32), littleEndian(s)), message, publicKey)).to.equal(false);
  });

  it('refuses every key of small order, canonical or not', () => {
    const eighth = torsionPoint();
    for (let k = 0n; k < 8n; k++) {
      const key = (k === 0n ? Point.ZERO : eighth.multiplyUnsafe(k)).toBytes();
      expect(isStrictEd25519Point(key), toHex(key)).to.equal(false);
      // R = identity and S = 0 verify under such a key for one message in eight or better.
      for (let i = 0; i < 16; i++) {
        expect(verdict(concat(Point.ZERO.toBytes(), new Uint8Array(32)), Uint8Array.of(i), key)).to.equal(false);
      }
    }
  });

  it('refuses keys whose y is not reduced or whose x = 0 has a sign', () => {
    for (let low = 0n; low < 19n; low++) {
      for (const sign of [0n, 1n << 255n]) {
        expect(isStrictEd25519Point(littleEndian((P + low) | sign)), `p + ${low}`).to.equal(false);
      }
    }
    expect(isStrictEd25519Point(littleEndian(1n | (1n << 255n)))).to.equal(false);
    expect(isStrictEd25519Point(littleEndian((P - 1n) | (1n << 255n)))).to.equal(false);
    expect(isStrictEd25519Point(littleEndian(P - 2n))).to.equal(true);
    expect(isStrictEd25519Point(new Uint8Array(31))).to.equal(false);
  });

  it('refuses a key that is not on the curve', () => {
    const off = Array.from({ length: 64 }, (_, i) => littleEndian(BigInt(i + 2))).find((encoded) => {
      try {
        Point.fromBytes(encoded);
        return false;
      } catch {
        // Not a point: what this test looks for.
        return true;
      }
    });
    expect(off).to.be.instanceOf(Uint8Array);
    if (off !== undefined) expect(verdict(signature, message, off)).to.equal(false);
  });

  it('refuses R with a part of small order, which a check with cofactor would let pass', () => {
    const r = 12345n;
    const altered = Point.BASE.multiply(r).add(torsionPoint()).toBytes();
    const scalar = ed25519.utils.getExtendedPublicKey(secret).scalar;
    const k = numberOf(sha512(concat(altered, publicKey, message))) % ORDER;
    const forged = concat(altered, littleEndian((r + k * scalar) % ORDER));
    expect(ed25519.verify(forged, message, publicKey, { zip215: true }), 'the cofactored equation holds').to.equal(
      true,
    );
    expect(verdict(forged, message, publicKey)).to.equal(false);
  });

  it('gives one answer on both ports for keys of mixed order', () => {
    const scalar = 98765n;
    const mixed = Point.BASE.multiply(scalar).add(torsionPoint()).toBytes();
    const answers = new Set<boolean>();
    for (let i = 0; i < 32; i++) {
      const r = BigInt(i + 1);
      const encodedR = Point.BASE.multiply(r).toBytes();
      const k = numberOf(sha512(concat(encodedR, mixed, message))) % ORDER;
      answers.add(verdict(concat(encodedR, littleEndian((r + k * scalar) % ORDER)), message, mixed));
    }
    expect(answers.has(false), 'some of them differ by a torsion point').to.equal(true);
  });

  it('refuses every R of small order, reduced or not, although the equation holds', () => {
    const scalar = ed25519.utils.getExtendedPublicKey(secret).scalar;
    for (const encodedR of [littleEndian(1n), littleEndian(P + 1n)]) {
      const k = numberOf(sha512(concat(encodedR, publicKey, message))) % ORDER;
      expect(verdict(concat(encodedR, littleEndian((k * scalar) % ORDER)), message, publicKey)).to.equal(false);
    }
  });
});
