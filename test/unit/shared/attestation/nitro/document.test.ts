import { expect } from 'chai';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { NITRO_LIMITS, parseNitroDocument } from '#shared/attestation/nitro/document.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';

const PCR = new Uint8Array(48).fill(1);
const CERTIFICATE = Uint8Array.of(0x30);
const FIELDS: Readonly<Record<string, CborInput>> = {
  module_id: 'i-1-enc1',
  digest: 'SHA384',
  timestamp: 1_700_000_000_000,
  pcrs: {
    entries: [
      [0, PCR],
      [31, PCR],
    ],
  },
  certificate: CERTIFICATE,
  cabundle: [CERTIFICATE],
  public_key: null,
  user_data: Uint8Array.of(1),
  nonce: EMPTY,
};

describe('Nitro document', () => {
  it('is read field by field', () => {
    expect(parseNitroDocument(payload({}))).to.deep.equal({
      moduleId: 'i-1-enc1',
      timestampMs: 1_700_000_000_000,
      pcrs: new Map([
        [0, PCR],
        [31, PCR],
      ]),
      certificate: CERTIFICATE,
      cabundle: [CERTIFICATE],
      publicKey: EMPTY,
      userData: Uint8Array.of(1),
      nonce: EMPTY,
    });
  });

  it('may leave out what the request left out', () => {
    const document = parseNitroDocument(payload({ public_key: undefined, user_data: undefined, nonce: undefined }));
    expect([document.publicKey, document.userData, document.nonce]).to.deep.equal([EMPTY, EMPTY, EMPTY]);
  });

  it('takes every field at its largest', () => {
    const document = parseNitroDocument(
      payload({
        module_id: 'm'.repeat(NITRO_LIMITS.moduleId),
        pcrs: { entries: Array.from({ length: 32 }, (_, index) => [index, PCR] as const) },
        certificate: new Uint8Array(1024),
        cabundle: Array.from({ length: 8 }, () => new Uint8Array(1024)),
        public_key: new Uint8Array(1024),
        user_data: new Uint8Array(1024),
        nonce: new Uint8Array(512),
      }),
    );
    expect([document.pcrs.size, document.cabundle.length]).to.deep.equal([32, 8]);
  });

  const refused: Readonly<Record<string, readonly [Readonly<Record<string, CborInput | undefined>>, string]>> = {
    'a field that the format does not have': [{ comment: 'x' }, 'does not have'],
    'no module_id': [{ module_id: undefined }, 'module_id'],
    'an empty module_id': [{ module_id: '' }, 'module_id'],
    'a module_id too long': [{ module_id: 'm'.repeat(257) }, 'module_id'],
    'a module_id that is no text': [{ module_id: 1 }, 'module_id'],
    'another digest': [{ digest: 'SHA256' }, 'digest'],
    'a digest that is no text': [{ digest: null }, 'digest'],
    'a timestamp of zero': [{ timestamp: 0 }, 'timestamp'],
    'a timestamp as text': [{ timestamp: 'now' }, 'timestamp'],
    'no pcrs': [{ pcrs: undefined }, 'pcrs is not a map'],
    PCR32: [
      {
        pcrs: {
          entries: [
            [0, PCR],
            [32, PCR],
          ],
        },
      },
      'PCR index',
    ],
    'a negative PCR': [
      {
        pcrs: {
          entries: [
            [0, PCR],
            [-1, PCR],
          ],
        },
      },
      'PCR index',
    ],
    'a PCR by name': [
      {
        pcrs: {
          entries: [
            [0, PCR],
            ['0', PCR],
          ],
        },
      },
      'PCR index',
    ],
    'a PCR of 32 bytes': [{ pcrs: { entries: [[0, PCR.subarray(16)]] } }, 'PCR0'],
    'a PCR of 64 bytes': [{ pcrs: { entries: [[0, new Uint8Array(64)]] } }, 'PCR0'],
    'a PCR that is null': [{ pcrs: { entries: [[0, null]] } }, 'PCR0'],
    'no certificate': [{ certificate: undefined }, 'certificate'],
    'an empty certificate': [{ certificate: EMPTY }, 'certificate'],
    'a certificate too long': [{ certificate: new Uint8Array(1025) }, 'certificate'],
    'an empty cabundle': [{ cabundle: [] }, 'cabundle'],
    'a cabundle too long': [{ cabundle: Array.from({ length: 9 }, () => CERTIFICATE) }, 'cabundle'],
    'a cabundle that is no array': [{ cabundle: CERTIFICATE }, 'cabundle'],
    'an empty certificate in the cabundle': [{ cabundle: [EMPTY] }, 'cabundle entry'],
    'an empty public_key': [{ public_key: EMPTY }, 'public_key'],
    'a public_key too long': [{ public_key: new Uint8Array(1025) }, 'public_key'],
    'a user_data too long': [{ user_data: new Uint8Array(1025) }, 'user_data'],
    'a nonce too long': [{ nonce: new Uint8Array(513) }, 'nonce'],
    'a nonce as text': [{ nonce: 'x' }, 'nonce'],
  };
  for (const [name, [bend, detail]] of Object.entries(refused)) {
    it(`is refused with ${name}`, () => {
      expect(() => parseNitroDocument(payload(bend))).to.throw(MalformedInput, detail);
    });
  }

  it('is refused when it is no map, or larger than the format allows', () => {
    expect(() => parseNitroDocument(encodeCbor([]))).to.throw(MalformedInput, 'a CBOR array');
    expect(() => parseNitroDocument(new Uint8Array(16_385))).to.throw(MalformedInput, 'at most');
  });

  it('repeats nothing of an unknown field in its message', () => {
    expect(() => parseNitroDocument(payload({ 'peer text': 1 })))
      .to.throw(MalformedInput)
      .with.property('message')
      .that.not.includes('peer');
  });
});

/** The payload with some fields replaced, or left out where the value is `undefined`. */
function payload(bend: Readonly<Record<string, CborInput | undefined>>): Uint8Array {
  const entries: (readonly [string, CborInput])[] = [];
  for (const [key, value] of Object.entries({ ...FIELDS, ...bend }))
    if (value !== undefined) entries.push([key, value]);
  return encodeCbor({ entries });
}
