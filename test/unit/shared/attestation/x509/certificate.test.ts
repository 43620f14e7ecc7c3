import { expect } from 'chai';
import { type CertificateFields, extension } from '#infra/emulator/certificate.ts';
import { bitString, der, oid, sequence } from '#infra/emulator/der.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { nameText } from '#shared/attestation/x509/name.ts';
import { concat, EMPTY, toHex, utf8 } from '#shared/bytes/bytes.ts';
import {
  AUTHORITY_USAGE,
  authority,
  ECDSA_SHA256,
  mintCertificate,
  named,
  newKeys,
  plainFields,
  withTrailing,
} from '#test/fakes/tee/certificates.ts';

const AT_MS = Date.parse('2026-01-02T12:00:00Z');
const keys = newKeys();
const plain = plainFields('subject', 'issuer', keys, AT_MS);
const minted = (bend: Partial<CertificateFields> = {}): Uint8Array => mintCertificate({ ...plain, ...bend }, keys);
const TRUE = der(0x01, Uint8Array.of(0xff));

const kindOf = (spki: Uint8Array): string => parseCertificate(minted({ spki })).key.kind;
const attribute = (type: string, text: string): Uint8Array => der(0x31, sequence(oid(type), der(0x0c, utf8(text))));

describe('certificate parser', () => {
  it('reads every field', () => {
    const unknown = extension('1.2.3.4', false, Uint8Array.of(1));
    const certificate = parseCertificate(minted({ extensions: [authority(3), AUTHORITY_USAGE, unknown] }));
    expect(toHex(certificate.serial)).to.equal('01');
    expect(certificate.issuer).to.deep.equal(named('issuer'));
    expect(certificate.subject).to.deep.equal(named('subject'));
    expect([certificate.notBeforeMs, certificate.notAfterMs]).to.deep.equal([AT_MS - 43_200_000, AT_MS + 43_200_000]);
    expect(certificate.key).to.deep.equal({ spki: plain.spki, kind: 'p384' });
    expect(certificate.extensions.basicConstraints).to.deep.equal({ ca: true, pathLength: 3 });
    expect(certificate.extensions.keyUsage).to.deep.equal({
      digitalSignature: true,
      keyCertSign: true,
      crlSign: false,
    });
    expect(certificate.extensions.values.get('1.2.3.4')).to.deep.equal(Uint8Array.of(1));
    expect(certificate.extensions.unknownCritical).to.deep.equal([]);
    expect(certificate.signatureAlgorithm).to.deep.equal({ oid: '1.2.840.10045.4.3.3', parameters: undefined });
  });

  it('tells curves apart, and keys that are on none of them', () => {
    expect(kindOf(plainFields('s', 'i', newKeys('P-256'), AT_MS).spki)).to.equal('p256');
    expect(kindOf(plainFields('s', 'i', newKeys('P-521'), AT_MS).spki)).to.equal('other');
    expect(kindOf(sequence(sequence(oid('1.2.840.113549.1.1.1')), bitString(0, 1)))).to.equal('other');
  });

  it('takes zero for a serial number: AMD gives it to every chip certificate', () => {
    expect(parseCertificate(minted({ serial: der(0x02, Uint8Array.of(0)) })).serial).to.deep.equal(Uint8Array.of(0));
  });

  it('keeps the parameters of the algorithm as they are', () => {
    const algorithm = sequence(oid('1.2.840.10045.4.3.3'), der(0x05));
    expect(parseCertificate(minted({ algorithm })).signatureAlgorithm.parameters).to.deep.equal(der(0x05));
  });

  it('names critical extensions that it does not understand', () => {
    const extensions = [extension('1.2.3.4', true, EMPTY), extension('1.2.3.5', false, EMPTY)];
    expect(parseCertificate(minted({ extensions })).extensions.unknownCritical).to.deep.equal(['1.2.3.4']);
  });

  const refused: Readonly<Record<string, readonly [Partial<CertificateFields>, string]>> = {
    'version 1': [{ version: der(0xa0, der(0x02, Uint8Array.of(0))) }, 'not X.509 v3'],
    'no version': [{ version: EMPTY }, 'DER tag'],
    'two versions': [{ version: der(0xa0, der(0x02, Uint8Array.of(2)), der(0x02, Uint8Array.of(2))) }, 'left over'],
    'a negative serial number': [{ serial: der(0x02, Uint8Array.of(0x80)) }, 'negative'],
    'a serial number of 22 octets': [{ serial: der(0x02, new Uint8Array(22).fill(1)) }, 'serial number of 22'],
    'two algorithms': [{ outerAlgorithm: ECDSA_SHA256 }, 'two signature algorithms'],
    'an algorithm with two parameters': [{ algorithm: sequence(oid('1.2.3'), der(0x05), der(0x05)) }, 'left over'],
    'a third time': [{ validity: sequence(...[1, 2, 3].map(() => der(0x17, utf8('260101000000Z')))) }, 'left over'],
    'an EC key without a curve': [
      { spki: sequence(sequence(oid('1.2.840.10045.2.1')), bitString(0, 4)) },
      'ends early',
    ],
    'a key with bytes after it': [{ spki: sequence(sequence(oid('1.2.3')), bitString(0, 4), der(0x05)) }, 'left over'],
    'an extension twice': [{ extensions: [AUTHORITY_USAGE, AUTHORITY_USAGE] }, 'occurs twice'],
    'too many extensions': [
      { extensions: Array.from({ length: 33 }, (_, index) => extension(`1.2.3.${index}`, false, EMPTY)) },
      'more than 32',
    ],
    'an extension with bytes after it': [{ extensions: [sequence(oid('1.2.3'), der(0x04), der(0x05))] }, 'left over'],
    'fields behind the extensions': [{ extra: der(0x05) }, 'left over'],
    'a path length without CA': [{ extensions: [constraints(sequence(der(0x02, Uint8Array.of(1))))] }, 'no CA'],
    'constraints with a third field': [{ extensions: [constraints(sequence(TRUE, TRUE))] }, 'left over'],
    'constraints with bytes after them': [{ extensions: [constraints(withTrailing(sequence()))] }, 'left over'],
    'a key usage with bytes after it': [
      { extensions: [extension('2.5.29.15', true, withTrailing(bitString(7, 0x80)))] },
      'left over',
    ],
  };
  for (const [name, [bend, detail]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      expect(() => parseCertificate(minted(bend))).to.throw(MalformedInput, detail);
    });
  }

  it('refuses bytes after the certificate, inside its outer sequence, and more than it would read', () => {
    const whole = minted();
    expect(() => parseCertificate(withTrailing(whole))).to.throw(MalformedInput, 'left over');
    const inner = whole.subarray(4);
    expect(() => parseCertificate(sequence(inner, der(0x05)))).to.throw(MalformedInput, 'left over');
    expect(() => parseCertificate(new Uint8Array(16_385))).to.throw(MalformedInput, 'at most');
  });

  it('refuses every truncation', () => {
    const whole = minted({ extensions: [authority(1), AUTHORITY_USAGE] });
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseCertificate(whole.subarray(0, length)), `${length}`).to.throw(MalformedInput);
    }
  });
});

describe('name text', () => {
  it('is in the order of RFC 4514, unknown types by their number', () => {
    const name = sequence(attribute('2.5.4.6', 'US'), attribute('2.5.4.10', 'Amazon'), attribute('1.2.3', 'x'));
    expect(nameText(name)).to.equal('1.2.3=x,O=Amazon,C=US');
  });

  it('shows no control characters and nothing that reads as another attribute', () => {
    expect(nameText(named('a,O=b\u001b[2J<é'))).to.equal('CN=a?O?b?[2J???');
  });

  it('refuses attributes with bytes after them', () => {
    const name = sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c), der(0x05))));
    expect(() => nameText(concat(name))).to.throw(MalformedInput, 'left over');
  });
});

function constraints(value: Uint8Array): Uint8Array {
  return extension('2.5.29.19', true, value);
}
