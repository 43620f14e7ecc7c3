import { stringify } from 'yaml';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { KeyPair } from '#shared/crypto/port.ts';
import { openSignedStudy, signStudy } from '#shared/study/signed-study.ts';
import { readStudy, type Study } from '#shared/study/study.ts';

/** A participant of a test study, with its secret keys. */
export interface TestParticipant {
  readonly id: string;
  readonly identity: KeyPair;
  readonly release: KeyPair;
}

/** A signed study and everybody's keys. */
export interface TestStudy {
  readonly study: Study;
  readonly envelope: Uint8Array;
  readonly coordinator: KeyPair;
  readonly participants: readonly TestParticipant[];
}

/** What a test wants to differ. Sections replace those of the default manifest. */
export interface TestStudyOptions {
  readonly pcr0: string;
  readonly rootSha256: string;
  /** What the manifest accepts; by default AWS Nitro, with that register and that root. */
  readonly policy?: Pick<AppraisalPolicy, 'enclaves' | 'roots'>;
  readonly participants?: number;
  /** Parameters of the one tensor; at least 1. */
  readonly parameters?: number;
  readonly rounds?: Readonly<Record<string, unknown>>;
  readonly aggregation?: Readonly<Record<string, unknown>>;
  readonly name?: string;
  readonly initial?: unknown;
  /** More fields for each participant of the manifest, by its position. */
  readonly participantFields?: (index: number) => Readonly<Record<string, unknown>>;
}

/** Draws keys, writes a manifest and signs it. */
export function makeStudy(options: TestStudyOptions): TestStudy {
  const coordinator = nodeCrypto.ed25519Generate();
  const participants = Array.from({ length: options.participants ?? 3 }, (_, index) => ({
    id: `site-${index + 1}`,
    identity: nodeCrypto.ed25519Generate(),
    release: nodeCrypto.xWing.generate(),
  }));
  const text = stringify(manifestOf(options, coordinator, participants));
  const envelope = signStudy(readStudy(utf8(text), nodeCrypto), coordinator.secretKey, nodeCrypto);
  return { study: openSignedStudy(envelope, nodeCrypto), envelope, coordinator, participants };
}

function manifestOf(options: TestStudyOptions, coordinator: KeyPair, participants: readonly TestParticipant[]): object {
  const { parameters = 64, participantFields = () => ({}) } = options;
  return {
    cloister: 1,
    study: options.name ?? 'test-study',
    title: 'A study for tests',
    coordinator: { name: 'Test Coordinator', key: toBase64(coordinator.publicKey) },
    model: {
      kind: 'tensors',
      tensors: [{ name: 'weights', shape: [parameters] }],
      initial: options.initial ?? 'zeros',
    },
    participants: participants.map(({ id, identity, release }, index) => ({
      id,
      name: `Hospital ${id}`,
      identityKey: toBase64(identity.publicKey),
      releaseKey: toBase64(release.publicKey),
      ...participantFields(index),
    })),
    ...(options.policy ?? nitroPolicy(options)),
    rounds: { count: 2, quorum: 2, cohort: 'all', deadlineSeconds: 60, gatherSeconds: 0, ...options.rounds },
    aggregation: {
      rule: 'mean',
      weighting: { kind: 'examples', maximum: 100 },
      examples: { minimum: 1, maximum: 1000 },
      metrics: ['loss'],
      ...options.aggregation,
    },
    privacy: { kind: 'none', acknowledgedBy: 'a test' },
    release: { recipients: 'participants' },
  };
}

function nitroPolicy({ pcr0, rootSha256 }: TestStudyOptions): object {
  return {
    enclaves: [{ name: 'under test', platform: 'aws-nitro', measurements: { PCR0: pcr0 } }],
    roots: [{ name: 'EMULATED root of this test', platform: 'aws-nitro', sha256: rootSha256, emulated: true }],
  };
}
