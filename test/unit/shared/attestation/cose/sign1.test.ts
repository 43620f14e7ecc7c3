import { expect } from 'chai';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { ES384, parseSign1, signedBytes } from '#shared/attestation/cose/sign1.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { concat, EMPTY, fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';

const HEADER = encodeCbor({ entries: [[1, ES384]] });
const PAYLOAD = utf8('payload');
const SIGNATURE = new Uint8Array(96).fill(9);
const NONE: CborInput = { entries: [] };
const GOOD = encodeCbor([HEADER, NONE, PAYLOAD, SIGNATURE]);

describe('COSE_Sign1', () => {
  it('is read with its tag and without', () => {
    const message = { protectedBytes: HEADER, algorithm: ES384, payload: PAYLOAD, signature: SIGNATURE };
    expect(parseSign1(GOOD)).to.deep.equal(message);
    expect(parseSign1(concat(Uint8Array.of(0xd2), GOOD))).to.deep.equal(message);
  });

  it('is signed over the bytes received, in the structure of RFC 9052 section 4.4', () => {
    const signed = signedBytes({ protectedBytes: fromHex('a1013822') ?? EMPTY, payload: Uint8Array.of(1, 2) });
    expect(toHex(signed)).to.equal('846a5369676e61747572653144a101382240420102');
  });

  it('names a foreign algorithm, however it is spelled', () => {
    expect(parseSign1(encodeCbor([encodeCbor({ entries: [[1, -7]] }), NONE, PAYLOAD, SIGNATURE])).algorithm).to.equal(
      -7,
    );
    expect(parseSign1(encodeCbor([fromHex('a1013806') ?? EMPTY, NONE, PAYLOAD, SIGNATURE])).algorithm).to.equal(-7);
  });

  const refused: Readonly<Record<string, readonly [CborInput, string]>> = {
    'something that is no array': [{ entries: [] }, 'a CBOR map'],
    'three elements': [[HEADER, NONE, PAYLOAD], '3 elements'],
    'five elements': [[HEADER, NONE, PAYLOAD, SIGNATURE, SIGNATURE], '5 elements'],
    'an unprotected header': [[HEADER, { entries: [[1, ES384]] }, PAYLOAD, SIGNATURE], 'not empty'],
    'an unprotected header that is no map': [[HEADER, [], PAYLOAD, SIGNATURE], 'not empty'],
    'a protected header that is no byte string': [[NONE, NONE, PAYLOAD, SIGNATURE], 'protected header is not'],
    'an empty protected header': [[EMPTY, NONE, PAYLOAD, SIGNATURE], 'ends at offset 0'],
    'a protected header of no entry': [[encodeCbor(NONE), NONE, PAYLOAD, SIGNATURE], 'one entry'],
    'a protected header that is an array': [[encodeCbor([]), NONE, PAYLOAD, SIGNATURE], 'one entry'],
    'a second protected header': [
      [
        encodeCbor({
          entries: [
            [1, ES384],
            [4, 'key'],
          ],
        }),
        NONE,
        PAYLOAD,
        SIGNATURE,
      ],
      'one entry',
    ],
    'another protected header in its place': [
      [encodeCbor({ entries: [[4, ES384]] }), NONE, PAYLOAD, SIGNATURE],
      'no algorithm',
    ],
    'an algorithm by name': [[encodeCbor({ entries: [[1, 'ES384']] }), NONE, PAYLOAD, SIGNATURE], 'no algorithm'],
    'a detached payload': [[HEADER, NONE, null, SIGNATURE], 'payload is not'],
    'a signature that is text': [[HEADER, NONE, PAYLOAD, 'signature'], 'signature is not'],
  };
  for (const [name, [message, detail]] of Object.entries(refused)) {
    it(`is refused with ${name}`, () => {
      expect(() => parseSign1(encodeCbor(message))).to.throw(MalformedInput, detail);
    });
  }

  it('is refused under another tag', () => {
    expect(() => parseSign1(concat(Uint8Array.of(0xd1), GOOD))).to.throw(MalformedInput, 'a CBOR tag');
  });
});
