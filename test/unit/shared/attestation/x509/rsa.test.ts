import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { bitString, der, oid, sequence } from '#infra/emulator/der.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import type { AllowedSignature, SubjectKey } from '#shared/attestation/x509/algorithms.ts';
import { signatureScheme } from '#shared/attestation/x509/algorithms.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { isNull, isPssSha384, readModulusBits } from '#shared/attestation/x509/rsa.ts';
import { concat, EMPTY } from '#shared/bytes/bytes.ts';
import { mintCertificate, newKeys, plainFields, spkiOf } from '#test/fakes/tee/certificates.ts';

const AT_MS = Date.parse('2026-01-02T12:00:00Z');
const NULL = der(0x05);
const SHA384 = oid('2.16.840.1.101.3.4.2.2');
const SHA256 = oid('2.16.840.1.101.3.4.2.1');
const MGF1 = oid('1.2.840.113549.1.1.8');
const RSA = '1.2.840.113549.1.1.1';

const integer = (...octets: readonly number[]): Uint8Array => der(0x02, Uint8Array.from(octets));
const hash = der(0xa0, sequence(SHA384, NULL));
const mask = der(0xa1, sequence(MGF1, sequence(SHA384, NULL)));
const salt = der(0xa2, integer(48));
const trailer = der(0xa3, integer(1));

/** A modulus of `octets` bytes whose first is `top`, as DER INTEGER. */
function modulus(octets: number, top: number): Uint8Array {
  return integer(...(top >= 0x80 ? [0] : []), top, ...Array.from({ length: octets - 1 }, () => 0xff));
}

const keyOf = (modulusBits: number): SubjectKey => ({ spki: EMPTY, kind: 'rsa', modulusBits });
const certified = (spki: Uint8Array): SubjectKey => {
  const signer = newKeys();
  return parseCertificate(mintCertificate({ ...plainFields('s', 'i', signer, AT_MS), spki }, signer)).key;
};

describe('RSA public key', () => {
  it('is as wide as its modulus, sign octet not counted', () => {
    expect(readModulusBits(sequence(modulus(256, 0x80), integer(1, 0, 1)))).to.equal(2048);
    expect(readModulusBits(sequence(modulus(256, 0x7f), integer(3)))).to.equal(2047);
    expect(readModulusBits(sequence(modulus(512, 0xff), integer(3)))).to.equal(4096);
    expect(readModulusBits(sequence(integer(0), integer(3)))).to.equal(0);
  });

  it('is read from a certificate', () => {
    const keys = generateKeyPairSync('rsa', { modulusLength: 1024 });
    expect(certified(spkiOf(keys))).to.deep.equal({ spki: spkiOf(keys), kind: 'rsa', modulusBits: 1024 });
  });

  it('is refused where it is not a modulus and a short exponent', () => {
    const refused = [
      EMPTY,
      sequence(integer(1)),
      sequence(integer(0x80), integer(3)),
      sequence(integer(1), integer(3), integer(5)),
      sequence(integer(1), integer(1, 0, 0, 0, 0, 0, 0, 0, 1)),
      concat(sequence(integer(1), integer(3)), NULL),
    ];
    for (const octets of refused) expect(() => readModulusBits(octets)).to.throw(MalformedInput);
  });

  it('is unusable when its parameters are not NULL, and refused with two', () => {
    const key = der(0x03, Uint8Array.of(0), sequence(modulus(256, 0x80), integer(3)));
    expect(certified(sequence(sequence(oid(RSA), NULL), key)).kind).to.equal('rsa');
    expect(certified(sequence(sequence(oid(RSA)), key)).kind).to.equal('other');
    expect(certified(sequence(sequence(oid(RSA), integer(0)), key)).kind).to.equal('other');
    expect(() => certified(sequence(sequence(oid(RSA), NULL, NULL), key))).to.throw(MalformedInput, 'left over');
    expect(() => certified(sequence(sequence(oid(RSA), NULL), bitString(0, 1)))).to.throw(MalformedInput);
  });
});

describe('RSASSA-PSS parameters', () => {
  it('fit with and without what DER leaves away', () => {
    expect(isPssSha384(sequence(hash, mask, salt))).to.equal(true);
    expect(isPssSha384(sequence(hash, mask, salt, trailer))).to.equal(true);
    const bare = der(0xa1, sequence(MGF1, sequence(SHA384)));
    expect(isPssSha384(sequence(der(0xa0, sequence(SHA384)), bare, salt))).to.equal(true);
  });

  const refused: Readonly<Record<string, Uint8Array | undefined>> = {
    'are absent': undefined,
    'are empty, which means SHA-1': sequence(),
    'name another hash': sequence(der(0xa0, sequence(SHA256, NULL)), mask, salt),
    'name another hash of the mask': sequence(hash, der(0xa1, sequence(MGF1, sequence(SHA256, NULL))), salt),
    'name another mask': sequence(hash, der(0xa1, sequence(oid('1.2.3'), sequence(SHA384, NULL))), salt),
    'leave the mask out, which means SHA-1': sequence(hash, salt),
    'leave the salt out, which means 20 bytes': sequence(hash, mask),
    'ask for a salt of 32 bytes': sequence(hash, mask, der(0xa2, integer(32))),
    'ask for another trailer': sequence(hash, mask, salt, der(0xa3, integer(2))),
    'give the hash a parameter': sequence(der(0xa0, sequence(SHA384, integer(1))), mask, salt),
    'hold two hashes': sequence(der(0xa0, sequence(SHA384, NULL), sequence(SHA384, NULL)), mask, salt),
    'hold a fifth field': sequence(hash, mask, salt, trailer, NULL),
    'hold two trailers': sequence(hash, mask, salt, der(0xa3, integer(1), integer(1))),
    'have bytes after them': concat(sequence(hash, mask, salt), NULL),
    'are NULL': NULL,
  };
  for (const [name, parameters] of Object.entries(refused)) {
    it(`do not fit when they ${name}`, () => expect(isPssSha384(parameters)).to.equal(false));
  }
});

describe('RSA signature algorithms', () => {
  const all: readonly AllowedSignature[] = ['ecdsa-sha384', 'rsa-pss-sha384', 'rsa-pkcs1-sha256', 'rsa-pkcs1-sha384'];
  const pss = { oid: '1.2.840.113549.1.1.10', parameters: sequence(hash, mask, salt) };
  const pkcs1 = { oid: '1.2.840.113549.1.1.11', parameters: NULL };

  it('lead to their scheme for keys of 2048 to 8192 bits', () => {
    expect(signatureScheme(pss, keyOf(4096), all)).to.deep.equal({ kind: 'rsa-pss', hash: 'sha384', saltBytes: 48 });
    expect(signatureScheme(pkcs1, keyOf(2048), all)).to.deep.equal({ kind: 'rsa-pkcs1', hash: 'sha256' });
    const sha384 = { ...pkcs1, oid: '1.2.840.113549.1.1.12' };
    expect(signatureScheme(sha384, keyOf(8192), all)).to.deep.equal({ kind: 'rsa-pkcs1', hash: 'sha384' });
    for (const bits of [1024, 2047, 8193]) expect(signatureScheme(pss, keyOf(bits), all)).to.equal(undefined);
  });

  it('lead nowhere for another family of keys, and other algorithms for RSA keys', () => {
    for (const kind of ['p256', 'p384', 'other'] as const) {
      expect(signatureScheme(pss, { spki: EMPTY, kind }, all)).to.equal(undefined);
      expect(signatureScheme(pkcs1, { spki: EMPTY, kind }, all)).to.equal(undefined);
    }
    const ecdsa = { oid: '1.2.840.10045.4.3.3', parameters: undefined };
    expect(signatureScheme(ecdsa, keyOf(2048), all)).to.equal(undefined);
  });

  it('lead nowhere when the platform does not allow them, or with other parameters', () => {
    expect(signatureScheme(pss, keyOf(2048), ['rsa-pkcs1-sha384'])).to.equal(undefined);
    expect(signatureScheme({ ...pss, parameters: NULL }, keyOf(2048), all)).to.equal(undefined);
    expect(signatureScheme({ ...pkcs1, parameters: undefined }, keyOf(2048), all)).to.equal(undefined);
    expect(signatureScheme({ ...pkcs1, oid: 'constructor' }, keyOf(2048), all)).to.equal(undefined);
  });

  it('holds that NULL is two octets', () => {
    expect([NULL, EMPTY, Uint8Array.of(5, 0, 0), Uint8Array.of(4, 0), undefined].map(isNull)).to.deep.equal([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
