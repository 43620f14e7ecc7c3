import { expect } from 'chai';
import { sequence } from '#infra/emulator/der.ts';
import { splitCertificates } from '#shared/attestation/dcap/certificates.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { concat, utf8 } from '#shared/bytes/bytes.ts';

const ONE = sequence(Uint8Array.of(5, 0));
const TWO = sequence(new Uint8Array(200));

describe('Certificate chain of Intel software', () => {
  it('is split, as PEM or as DER, in its order', () => {
    expect(splitCertificates(utf8(pem(TWO) + pem(ONE)))).to.deep.equal([TWO, ONE]);
    expect(splitCertificates(concat(TWO, ONE))).to.deep.equal([TWO, ONE]);
  });

  it('may end in zero bytes, as C programs write it', () => {
    expect(splitCertificates(concat(utf8(pem(ONE)), new Uint8Array(3)))).to.deep.equal([ONE]);
  });

  const refused: Readonly<Record<string, Uint8Array>> = {
    'nothing in it': new Uint8Array(0),
    'nothing but zeros': new Uint8Array(9),
    'no text': Uint8Array.of(0x2d, 0xff),
    'a zero byte between': utf8(`${pem(ONE)}\0${pem(TWO)}`),
    'more than eight in PEM': utf8(pem(ONE).repeat(9)),
    'more than eight in DER': concat(...Array.from({ length: 9 }, () => ONE)),
    'bytes after DER': concat(ONE, Uint8Array.of(1)),
    'DER that runs past its end': ONE.subarray(0, 3),
  };
  for (const [name, bytes] of Object.entries(refused)) {
    it(`is refused with ${name}`, () => {
      expect(() => splitCertificates(bytes)).to.throw(MalformedInput);
    });
  }
});

function pem(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${toBase64(der)}\n-----END CERTIFICATE-----\n`;
}
