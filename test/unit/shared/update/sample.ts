import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { openUpdateHeader, type UpdateExpectations, type VerifiedUpdateHeader } from '#shared/update/header.ts';
import { UpdateSealer, type UpdateTarget } from '#shared/update/seal-update.ts';

const filled = (value: number, length = 32) => new Uint8Array(length).fill(value);

/** A round with its secret key, a sender, and content of three and a half chunks. */
export function sampleRound(tensorBytes: Uint8Array = filled(9, 3500)) {
  const roundKey = crypto.xWing.generate();
  const identity = crypto.ed25519Generate();
  const target: UpdateTarget = {
    manifestDigest: filled(1),
    round: 4,
    attempt: 2,
    roundKey: roundKey.publicKey,
    baseRelease: filled(2),
    layoutDigest: filled(3),
    chunkBytes: 1000,
  };
  const sender = { participant: 'clinic-a', identitySecretKey: identity.secretKey, updateId: filled(5, 16) };
  const content = { prelude: { examples: 120, metrics: { loss: 0.5 } }, tensorBytes };
  const { roundKey: _, ...place } = target;
  const expected: UpdateExpectations = {
    ...place,
    participant: 'clinic-a',
    identityKey: identity.publicKey,
    tensorBytes: tensorBytes.length,
  };
  return { target, sender, content, expected, roundSecretKey: roundKey.secretKey };
}

/** The header of `sealer` as the enclave accepts it. */
export function acceptedHeader(sealer: UpdateSealer, expected: UpdateExpectations): VerifiedUpdateHeader {
  const verdict = openUpdateHeader(sealer.header, expected, crypto);
  if (verdict.kind === 'refused') throw new Error(verdict.detail);
  return verdict.value;
}
