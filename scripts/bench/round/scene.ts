import { stringify } from 'yaml';
import { toBase64 } from '#shared/bytes/base64.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import {
  type CoordinatorKeys,
  generateCoordinatorKeys,
  generateParticipantKeys,
  type ParticipantKeys,
} from '#shared/keys/key-file.ts';
import { signStudy } from '#shared/study/signed-study.ts';
import { readStudy } from '#shared/study/study.ts';

/** Who takes part in a benchmark's study, and what. */
export interface Scene {
  readonly coordinator: CoordinatorKeys;
  readonly participants: readonly { readonly id: string; readonly keys: ParticipantKeys }[];
  /** The signed manifest, as a file. */
  readonly envelope: Uint8Array;
}

/** How large a scene is. */
export interface SceneSize {
  readonly participants: number;
  readonly parameters: number;
}

/** A study of one tensor and one round, under the emulated enclave of this machine. */
export function makeScene(size: SceneSize, enclave: { readonly pcr0: string; readonly rootSha256: string }): Scene {
  const coordinator = generateCoordinatorKeys(nodeCrypto);
  const participants = Array.from({ length: size.participants }, (_, index) => ({
    id: `site-${index}`,
    keys: generateParticipantKeys(nodeCrypto),
  }));
  const manifest = {
    cloister: 1,
    study: 'bench',
    title: 'One round for a benchmark',
    coordinator: { name: 'Bench', key: toBase64(coordinator.signing.publicKey) },
    model: { kind: 'tensors', tensors: [{ name: 'weights', shape: [size.parameters] }], initial: 'zeros' },
    participants: participants.map(({ id, keys: { identity, release } }) => ({
      id,
      name: id,
      identityKey: toBase64(identity.publicKey),
      releaseKey: toBase64(release.publicKey),
    })),
    enclaves: [{ name: 'bench', platform: 'aws-nitro', measurements: { PCR0: enclave.pcr0 } }],
    roots: [{ name: 'EMULATED', platform: 'aws-nitro', sha256: enclave.rootSha256, emulated: true }],
    rounds: { count: 1, quorum: size.participants, cohort: 'all', deadlineSeconds: 600, gatherSeconds: 0 },
    aggregation: {
      rule: 'mean',
      weighting: { kind: 'examples', maximum: 1000 },
      examples: { minimum: 1, maximum: 1000 },
      metrics: [],
    },
    privacy: { kind: 'none', acknowledgedBy: 'a benchmark' },
    release: { recipients: 'participants' },
  };
  const study = readStudy(utf8(stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false })), nodeCrypto);
  return { coordinator, participants, envelope: signStudy(study, coordinator.signing.secretKey, nodeCrypto) };
}
