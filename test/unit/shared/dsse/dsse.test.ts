import { expect } from 'chai';
import { concat, textOf, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  keyIdOf,
  preAuthEncoding,
  signPayload,
  verifyEnvelope,
  verifySigned,
} from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';

const SECRET = new Uint8Array(32).fill(3);
const PUBLIC = crypto.ed25519PublicKey(SECRET);
const TYPE = PAYLOAD_TYPES.status;

function envelopeFile(payload: Uint8Array): Uint8Array {
  return encodeEnvelope(TYPE, signPayload(TYPE, payload, SECRET, crypto), keyIdOf(PUBLIC, crypto));
}

describe('DSSE', () => {
  it('encodes what is signed as the DSSE specification shows it', () => {
    const encoded = preAuthEncoding('http://example.com/HelloWorld', utf8('hello world'));
    expect(textOf(encoded)).to.equal('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  it('verifies under the type and key it was signed with, and no other', () => {
    const signed = signPayload(TYPE, utf8('payload'), SECRET, crypto);
    expect(verifySigned(TYPE, signed, PUBLIC, crypto)).to.equal(true);
    expect(verifySigned(PAYLOAD_TYPES.receipt, signed, PUBLIC, crypto)).to.equal(false);
    expect(verifySigned(TYPE, { ...signed, payload: utf8('paylod') }, PUBLIC, crypto)).to.equal(false);
    expect(verifySigned(TYPE, signed, crypto.ed25519Generate().publicKey, crypto)).to.equal(false);
  });

  it('writes the one file form and reads it back', () => {
    const file = envelopeFile(utf8('{}'));
    expect(textOf(file)).to.match(
      /^\{"payloadType":"application\/vnd\.cloister\.status\+json","payload":"e30=","signatures":\[\{"keyid":"[0-9a-f]{64}","sig":"[A-Za-z0-9+/]{86}=="\}\]\}$/,
    );
    const envelope = decodeEnvelope(TYPE, file, 1000);
    expect(envelope?.signed.payload).to.deep.equal(utf8('{}'));
    expect(envelope !== undefined && verifyEnvelope(TYPE, envelope, PUBLIC, crypto)).to.equal(true);
  });

  it('refuses a file of another type and one byte more than the bound', () => {
    const file = envelopeFile(utf8('{}'));
    expect(decodeEnvelope(PAYLOAD_TYPES.receipt, file, 1000)).to.equal(undefined);
    expect(decodeEnvelope(TYPE, file, file.length - 1)).to.equal(undefined);
  });

  it('refuses every other spelling of the same content', () => {
    const text = textOf(envelopeFile(utf8('{}'))) ?? '';
    const spellings = [
      `${text}\n`,
      ` ${text}`,
      text.replace('","payload"', '", "payload"'),
      text.replace('e30=', 'e31='),
      text.replace('e30=', 'e30'),
      text.replace('e30=', '\\u0065\\u0033\\u0030='),
      text.replace('"payload":', '"payload":"AA==","payload":'),
      text.replace(/"keyid":"[0-9a-f]+"/, (id) => id.toUpperCase().replace('KEYID', 'keyid')),
      text.replace(/"signatures":\[(.*)\]/, '"signatures":[$1,$1]'),
      text.replace(/\{"payloadType":("[^"]*"),("payload":"[^"]*")/, '{$2,"payloadType":$1'),
    ];
    for (const spelling of spellings) {
      expect(spelling).to.not.equal(text);
      expect(decodeEnvelope(TYPE, utf8(spelling), 2000), spelling).to.equal(undefined);
    }
  });

  it('accepts no file with a flipped bit', () => {
    const file = envelopeFile(utf8('{"a":1}'));
    for (let i = 0; i < file.length * 8; i++) {
      const flipped = file.slice();
      flipped[i >> 3] = (flipped[i >> 3] ?? 0) ^ (1 << (i & 7));
      const envelope = decodeEnvelope(TYPE, flipped, 1000);
      expect(envelope !== undefined && verifyEnvelope(TYPE, envelope, PUBLIC, crypto), `bit ${i}`).to.equal(false);
    }
  });

  it('refuses an envelope whose key id is of another key', () => {
    const signed = signPayload(TYPE, utf8('x'), SECRET, crypto);
    const envelope = { signed, keyId: keyIdOf(concat(PUBLIC, PUBLIC), crypto) };
    expect(verifyEnvelope(TYPE, envelope, PUBLIC, crypto)).to.equal(false);
  });
});
