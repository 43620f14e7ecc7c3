import { expect } from 'chai';
import { concat } from '#shared/bytes/bytes.ts';
import { encodeMsgpack } from '#shared/codec/msgpack.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { KEM_X25519 } from '#shared/hpke/suite.ts';
import { decodeUpdateHeader, encodeUpdateHeader, openUpdateHeader, type UpdateHeader } from '#shared/update/header.ts';
import { UpdateSealer } from '#shared/update/seal-update.ts';
import { acceptedHeader, sampleRound } from './sample.ts';

const { target, sender, content, expected } = sampleRound();
const sealer = new UpdateSealer(target, sender, content, crypto);
const header = acceptedHeader(sealer, expected);
const { payload, ...fields } = header;

function codeOf(altered: Uint8Array | Partial<UpdateHeader>, secretKey = sender.identitySecretKey): string {
  const bytes = altered instanceof Uint8Array ? altered : encodeUpdateHeader({ ...fields, ...altered });
  const verdict = openUpdateHeader(signPayload(PAYLOAD_TYPES.updateHeader, bytes, secretKey, crypto), expected, crypto);
  return verdict.kind === 'refused' ? verdict.code : 'accepted';
}

describe('update header', () => {
  it('is accepted when it fits the round, with bytes of its own', () => {
    expect(codeOf({})).to.equal('accepted');
    expect(payload).to.deep.equal(sealer.header.payload);
    expect(payload.buffer).to.not.equal(sealer.header.payload.buffer);
    expect(header.encapsulated.buffer).to.equal(payload.buffer);
  });

  it('gives back the fields that were encoded', () => {
    expect(decodeUpdateHeader(encodeUpdateHeader(fields))).to.deep.equal(fields);
  });

  const other = new Uint8Array(32).fill(0xee);
  const refusals: readonly (readonly [string, string, Partial<UpdateHeader>])[] = [
    ['another study', 'STUDY_WRONG', { manifestDigest: other }],
    ['another participant', 'UPDATE_FOREIGN', { participant: 'clinic-b' }],
    ['another round', 'ROUND_WRONG', { round: 5 }],
    ['another attempt of the round', 'ROUND_WRONG', { attempt: 1 }],
    ['another base release', 'UPDATE_BASE_WRONG', { baseRelease: other }],
    ['another layout', 'UPDATE_LAYOUT_WRONG', { layoutDigest: other }],
    ['fewer tensor bytes', 'UPDATE_OVERSIZED', { tensorBytes: 3499 }],
    ['more tensor bytes', 'UPDATE_OVERSIZED', { tensorBytes: 2 ** 40 }],
    ['other chunks', 'UPDATE_OVERSIZED', { chunkBytes: 1 }],
    ['another KEM', 'UPDATE_REJECTED', { kem: KEM_X25519 }],
    ['an id of a wrong length', 'FRAME_MALFORMED', { updateId: new Uint8Array(15) }],
    ['no tensors', 'FRAME_MALFORMED', { tensorBytes: 0 }],
  ];
  for (const [what, code, altered] of refusals) {
    it(`is refused as ${code} for ${what}`, () => expect(codeOf(altered)).to.equal(code));
  }

  it('is refused as UPDATE_SIGNATURE_INVALID before anything else is looked at', () => {
    const stranger = crypto.ed25519Generate().secretKey;
    expect(codeOf({ manifestDigest: other }, stranger)).to.equal('UPDATE_SIGNATURE_INVALID');
    expect(codeOf(Uint8Array.of(1), stranger)).to.equal('UPDATE_SIGNATURE_INVALID');
    const asReceipt = signPayload(PAYLOAD_TYPES.receipt, payload, sender.identitySecretKey, crypto);
    const verdict = openUpdateHeader(asReceipt, expected, crypto);
    expect(verdict.kind === 'refused' && verdict.code).to.equal('UPDATE_SIGNATURE_INVALID');
  });

  it('is refused as malformed with bytes after it, a field too many, or nothing in it', () => {
    expect(codeOf(concat(payload, Uint8Array.of(0xc0)))).to.equal('FRAME_MALFORMED');
    expect(codeOf(encodeMsgpack({ ...fields, more: 1 }))).to.equal('FRAME_MALFORMED');
    expect(codeOf(new Uint8Array(0))).to.equal('FRAME_MALFORMED');
  });
});
