import { stringify } from 'yaml';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { generateParticipantKeys, type ParticipantKeys } from '#shared/keys/key-file.ts';
import type { TensorSpec } from '#shared/model/layout.ts';
import { signStudy } from '#shared/study/signed-study.ts';
import { readStudy, type Study } from '#shared/study/study.ts';
import { type FakePlatform, policyFor } from './tee/enclave.ts';

/** A small study and the keys of its two participants, `mary` and `jude`. */
export interface FakeStudy {
  readonly study: Study;
  readonly keys: ParticipantKeys;
  readonly policy: AppraisalPolicy;
  /** The signed manifest, as a file. */
  readonly signed: Uint8Array;
}

/** Values in the model of {@link fakeStudy}: with chunks of 1,024 bytes an update has 1 + 3 chunks. */
export const PARAMETER_COUNT = 600;

/** How a test bends the manifest. */
export interface StudyBend {
  readonly title?: string;
  readonly demandsEvidence?: boolean;
  readonly enclaves?: AppraisalPolicy['enclaves'];
  readonly recipients?: readonly string[];
  readonly tensors?: readonly TensorSpec[];
}

/** A study of two participants that accepts the enclave of `platform`; the keys are those of `mary`. */
export function fakeStudy(platform: FakePlatform, bend: StudyBend = {}): FakeStudy {
  const keys = generateParticipantKeys(nodeCrypto);
  const other = generateParticipantKeys(nodeCrypto);
  const policy = policyFor(platform);
  const coordinator = nodeCrypto.ed25519Generate();
  const participants = [
    {
      id: 'mary',
      name: 'St Mary',
      ...publicPart(keys),
      ...(bend.demandsEvidence === true ? { evidence: policy } : {}),
    },
    { id: 'jude', name: 'St Jude', ...publicPart(other) },
  ];
  const manifest = {
    cloister: 1,
    study: 'a-study',
    title: bend.title ?? 'A study',
    coordinator: { name: 'Team', key: toBase64(coordinator.publicKey) },
    model: { kind: 'tensors', tensors: bend.tensors ?? [{ name: 'w', shape: [PARAMETER_COUNT] }], initial: 'zeros' },
    participants,
    ...policy,
    enclaves: bend.enclaves ?? policy.enclaves,
    rounds: { count: 9, quorum: 1, cohort: 'all', deadlineSeconds: 60, gatherSeconds: 0 },
    aggregation: {
      rule: 'mean',
      weighting: { kind: 'uniform' },
      examples: { minimum: 1, maximum: 1000 },
      metrics: ['loss'],
    },
    privacy: { kind: 'none', acknowledgedBy: 'the test' },
    release: { recipients: bend.recipients ?? 'participants' },
  };
  const study = readStudy(utf8(stringify(manifest, { aliasDuplicateObjects: false })), nodeCrypto);
  return { study, keys, policy, signed: signStudy(study, coordinator.secretKey, nodeCrypto) };
}

function publicPart(keys: ParticipantKeys): { identityKey: string; releaseKey: string } {
  return { identityKey: toBase64(keys.identity.publicKey), releaseKey: toBase64(keys.release.publicKey) };
}
