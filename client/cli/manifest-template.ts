import { stringify } from 'yaml';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';

/** A participant as `cloister keygen participant` prints it. */
export interface TemplateParticipant {
  readonly id: string;
  readonly name: string;
  readonly identityKey: string;
  readonly releaseKey: string;
  /** Evidence that the participant must show; left out where none is asked. */
  readonly evidence?: AppraisalPolicy;
}

/** What is known when a manifest is begun; the rest is left to be filled in, and `study check` asks for it. */
export interface ManifestDraft {
  readonly study: string;
  readonly title: string;
  readonly template: 'layers' | 'tensors';
  readonly coordinator: { readonly name: string; readonly key: string };
  readonly participants: readonly TemplateParticipant[];
  readonly pcr0: string;
  /** SHA-256 of the root of an emulated TEE, when the study is to accept one. */
  readonly emulatedRoot?: string;
  /** The whole policy for enclaves, of any platform; in the place of `pcr0` and `emulatedRoot`. */
  readonly policy?: AppraisalPolicy;
  readonly features: number;
  readonly rounds: number;
}

/** What stands where somebody has to fill in a value. */
export const FILL_IN = 'FILL-IN';

/** A commented manifest. It passes `study check` once nothing in it says {@link FILL_IN}. */
export function draftManifest(draft: ManifestDraft): string {
  const { participants } = draft;
  const quorum = Math.max(1, Math.ceil((participants.length * 2) / 3));
  return `# Study manifest: everything that participants agree to. Any change, even to a comment, makes it another study.
# Next: cloister study check FILE, then cloister study sign FILE --key coordinator.key
cloister: 1
study: ${draft.study}
title: ${text(draft.title)}

# Who signs this file and the commands that start and stop rounds.
coordinator:
${indent(yaml(draft.coordinator))}

# What is trained. The enclave knows names and shapes only.
model:
${indent(modelOf(draft))}

# Settings for the participants' trainers; the enclave does not read them.
training: { epochs: 1, batchSize: 32, learningRate: 0.05, optimizer: sgd, loss: binaryCrossentropy, seed: 1 }

# Who takes part: what each of them printed with "cloister keygen participant". Nobody else can join.
participants:
${indent(participants.length === 0 ? `- ${FILL_IN}` : yaml(participants))}

${policyOf(draft)}

# A round waits up to gatherSeconds for participants, draws its cohort, and ends when all have sent or, with at least
# quorum of them, at the deadline.
rounds: { count: ${draft.rounds}, quorum: ${quorum}, cohort: all, deadlineSeconds: 600, gatherSeconds: 120 }

# How updates are combined. A participant never weighs more than "maximum" examples, whatever it claims.
aggregation:
  rule: mean
  weighting: { kind: examples, maximum: 10000 }
  examples: { minimum: 1, maximum: 1000000 }
  metrics: [loss, accuracy]

# Releases carry no privacy noise; somebody has to stand for that.
privacy: { kind: none, acknowledgedBy: ${text(draft.coordinator.name)} }

# Who can open releases.
release: { recipients: participants }
`;
}

function modelOf({ template, features }: ManifestDraft): string {
  if (template === 'tensors') {
    const tensors = [
      { name: 'weight', shape: [features, 1] },
      { name: 'bias', shape: [1] },
    ];
    return `kind: tensors\ntensors:\n${indent(tensors.map((tensor) => `- ${flow(tensor)}`).join('\n'))}\ninitial: zeros`;
  }
  const layer = { units: 1, activation: 'sigmoid', use_bias: true };
  const config = { ...layer, name: 'output', batch_input_shape: [null, features], dtype: 'float32' };
  const topology = {
    class_name: 'Sequential',
    config: { name: draftName, layers: [{ class_name: 'Dense', config }] },
  };
  return `kind: layers\n# A tfjs Sequential, as model.toJSON(null, false) gives it.\ntopology: ${flow(topology)}\ninitial: zeros`;
}

function policyOf(draft: ManifestDraft): string {
  if (draft.policy !== undefined) {
    return `# Which enclaves are accepted: what a policy may state for each platform is in docs/platforms.md.\n${yaml(draft.policy)}`;
  }
  return `# Which enclaves are accepted. PCR0 is what "cloister measure" prints for the bundle, or what the image build printed.
enclaves:
  - name: aggregator
    platform: aws-nitro
    measurements: { PCR0: ${text(draft.pcr0)} }
${rootsOf(draft)}debug: refuse
maximumAgeSeconds: 3600
`;
}

const draftName = 'model';

function rootsOf({ emulatedRoot }: ManifestDraft): string {
  if (emulatedRoot === undefined) return '';
  return `# EMULATED: accepts a root that stands for no hardware. For trying out, never for real data.
roots:
  - { name: emulator, platform: aws-nitro, sha256: ${text(emulatedRoot)}, emulated: true }
`;
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

/** One line of flow YAML; JSON is that. */
function flow(value: unknown): string {
  return JSON.stringify(value);
}

function text(value: string): string {
  return JSON.stringify(value);
}

function indent(block: string): string {
  return block
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
