import { nodeCrypto } from '#shared/crypto/node.ts';
import { assert } from '#shared/fault/fault.ts';
import { openUpdateHeader, type VerifiedUpdateHeader } from '#shared/update/header.ts';
import { UpdateOpener } from '#shared/update/open-update.ts';
import { UpdateSealer } from '#shared/update/seal-update.ts';

/** An update as it arrives: sealed chunks, and what the enclave needs to open them as often as it likes. */
export interface SealedUpdate {
  readonly chunks: readonly Uint8Array[];
  /** Verifies the header and decapsulates the stream key, as for every update that begins. */
  begin(): UpdateOpener;
}

/** Seals `tensorBytes` as a participant would. */
export async function sealedUpdate(tensorBytes: Uint8Array, chunkBytes: number): Promise<SealedUpdate> {
  const round = nodeCrypto.xWing.generate();
  const identity = nodeCrypto.ed25519Generate();
  const digest = nodeCrypto.randomBytes(32);
  const place = { manifestDigest: digest, round: 1, attempt: 0, baseRelease: digest, layoutDigest: digest, chunkBytes };
  const sender = {
    participant: 'north-hospital',
    identitySecretKey: identity.secretKey,
    updateId: nodeCrypto.randomBytes(16),
  };
  const content = { prelude: { examples: 100, metrics: {} }, tensorBytes };
  const sealer = new UpdateSealer({ ...place, roundKey: round.publicKey }, sender, content, nodeCrypto);
  const chunks: Uint8Array[] = [];
  for (let index = 0; index < sealer.chunkCount; index++) chunks.push(await sealer.chunk(index));
  const expected = {
    ...place,
    participant: sender.participant,
    identityKey: identity.publicKey,
    tensorBytes: tensorBytes.length,
  };
  return {
    chunks,
    begin() {
      const header = openUpdateHeader(sealer.header, expected, nodeCrypto);
      assert(header.kind === 'accepted', 'the header of the bench is genuine');
      return openerOf(header.value, round.secretKey);
    },
  };
}

function openerOf(header: VerifiedUpdateHeader, roundSecretKey: Uint8Array): UpdateOpener {
  const opener = UpdateOpener.create(header, roundSecretKey, nodeCrypto);
  assert(opener !== undefined, 'the encapsulated key of the bench is well-formed');
  return opener;
}
