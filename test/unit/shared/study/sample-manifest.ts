import { toBase64 } from '#shared/bytes/base64.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

/** Keys of the sample study, made once a run. */
export const coordinator = nodeCrypto.ed25519Generate();
export const participants = ['mary', 'john', 'anne', 'luke'].map((id) => ({
  id,
  identity: nodeCrypto.ed25519Generate(),
  release: nodeCrypto.xWing.generate(),
}));

const participantLines = participants.map(
  ({ id, identity, release }) =>
    `  - { id: ${id}, name: St ${id}, identityKey: ${toBase64(identity.publicKey)}, releaseKey: ${toBase64(release.publicKey)} }`,
);

/** A valid manifest, line by line; tests replace parts of it. Line numbers count from 1. */
export const LINES: readonly string[] = [
  'cloister: 1', // 1
  'study: breast-cancer',
  'title: Breast cancer',
  `coordinator: { name: Team, key: ${toBase64(coordinator.publicKey)} }`,
  'model:', // 5
  '  kind: tensors',
  '  tensors:',
  '    - { name: weight, shape: [3, 1] }',
  '    - { name: bias, shape: [1] }',
  '  initial: zeros', // 10
  'training: { epochs: 1, optimizer: sgd }',
  'participants:',
  ...participantLines, // 13 to 16
  'enclaves:',
  `  - { name: aggregator, platform: aws-nitro, measurements: { PCR0: ${'a'.repeat(96)} } }`,
  'rounds:', // 19
  '  count: 3',
  '  quorum: 2', // 21
  '  cohort: all',
  '  deadlineSeconds: 60',
  '  gatherSeconds: 10',
  'aggregation:', // 25
  '  rule: mean',
  '  weighting: { kind: examples, maximum: 100 }',
  '  examples: { minimum: 1, maximum: 1000 }',
  '  metrics: [loss, accuracy]',
  'privacy: { kind: none, acknowledgedBy: Ethics board }', // 30
  'release: { recipients: participants }',
];

/** The sample with `change` applied to its text. */
export function manifestBytes(change: (text: string) => string = (text) => text): Uint8Array {
  return utf8(change(`${LINES.join('\n')}\n`));
}

/** The sample with `from` replaced by `to`; throws when `from` is not in it, so that no test changes nothing. */
export function changed(from: string, to: string): Uint8Array {
  return manifestBytes((text) => {
    if (!text.includes(from)) throw new Error(`the sample manifest does not contain ${from}`);
    return text.replace(from, to);
  });
}
