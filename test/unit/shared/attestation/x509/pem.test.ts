import { expect } from 'chai';
import { decodePem } from '#shared/attestation/x509/pem.ts';

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
const block = (base64: string): string => `${BEGIN}\n${base64}\n${END}\n`;

describe('PEM', () => {
  it('gives the blocks in their order, whatever the line ends', () => {
    const decoded = decodePem(`\n${block('AQI=')} \r\n${block('Aw\r\n=\n=')}`, 'CERTIFICATE', 2);
    expect(decoded).to.deep.equal([Uint8Array.of(1, 2), Uint8Array.of(3)]);
  });

  const bad: Readonly<Record<string, readonly [string, string]>> = {
    'no text': ['', 'without a CERTIFICATE'],
    'a block of another kind': ['-----BEGIN X509 CRL-----\nAQI=\n-----END X509 CRL-----\n', 'before a block'],
    'text before a block': [`x${block('AQI=')}`, 'before a block'],
    'text between blocks': [`${block('AQI=')}x${block('AQI=')}`, 'behind a block'],
    'text behind the last block': [`${block('AQI=')}\0`, 'behind a block'],
    'a block without an end': [`${BEGIN}\nAQI=\n`, 'does not end'],
    'a block within a block': [`${BEGIN}\n${block('AQI=')}${END}`, 'does not end'],
    'an end too many': [`${block('AQI=')}${END}`, 'ends twice'],
    'more than two ends': [`${block('AQI=')}${END}${END}${END}`, 'ends twice'],
    'an empty block': [block(''), 'not base64'],
    'a character that is none of base64': [block('A*I='), 'not base64'],
    'base64 that is not canonical': [block('AQJ='), 'not base64'],
    'a header within the block': [block('Proc-Type: 4,ENCRYPTED\n\nAQI='), 'not base64'],
    'more blocks than are wanted': [block('AQI=').repeat(3), 'more than 2'],
  };
  for (const [name, [text, message]] of Object.entries(bad)) {
    it(`refuses ${name}`, () => {
      expect(() => decodePem(text, 'CERTIFICATE', 2)).to.throw(message);
    });
  }
});
