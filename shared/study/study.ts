import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { fromBase64 } from '#shared/bytes/base64.ts';
import { fromHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import { tensorsOfTopology } from '#shared/model/layers-topology.ts';
import { layoutOf, layoutProblems, type ModelLayout, type TensorSpec } from '#shared/model/layout.ts';
import { allFinite, floatsOf } from '#shared/model/parameters.ts';
import { contradictions, type Finding, policyOf, warnings } from './contradictions.ts';
import type { Manifest } from './manifest.ts';
import { type ManifestPath, type ManifestProblem, type Position, pathWords, problemWords } from './problem.ts';
import { readManifest } from './read-manifest.ts';

const read = Symbol('study read from its manifest');

/** The parts of the crypto port that reading a study takes. */
export type StudyCrypto = Pick<CryptoPort, 'digest' | 'xWing'>;

/** A participant with its keys as bytes: Ed25519, 32; X-Wing, 1216. */
export interface StudyParticipant {
  readonly id: string;
  readonly name: string;
  readonly identityKey: Uint8Array;
  readonly releaseKey: Uint8Array;
  /** Evidence that this participant has to show in its join, when the manifest asks for it. */
  readonly evidence?: AppraisalPolicy;
}

/** Somebody that releases are sealed to. */
export interface StudyRecipient {
  readonly id: string;
  readonly releaseKey: Uint8Array;
}

/** Where the weights of release 0 come from: `digest` is the SHA-256 of flat little-endian values given separately. */
export type InitialWeights =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'values'; readonly values: Float32Array }
  | { readonly kind: 'digest'; readonly digest: Uint8Array };

/**
 * A study as its manifest describes it, free of contradictions. Made by {@link readStudy} and {@link inspectStudy} only.
 * `bytes` is the manifest file, `digest` (32 bytes) names the study, `cohort` is the number drawn for a round.
 */
export interface Study {
  readonly [read]: true;
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  readonly digest: Uint8Array;
  readonly layout: ModelLayout;
  readonly initial: InitialWeights;
  readonly policy: AppraisalPolicy;
  readonly coordinator: { readonly name: string; readonly key: Uint8Array };
  readonly participants: readonly StudyParticipant[];
  readonly recipients: readonly StudyRecipient[];
  readonly cohort: number;
}

/** A study with what its signer should know; or everything that is wrong with the manifest. */
export type StudyReading =
  | { readonly kind: 'study'; readonly study: Study; readonly warnings: readonly ManifestProblem[] }
  | { readonly kind: 'problems'; readonly problems: readonly ManifestProblem[] };

/**
 * The study of a manifest file.
 * @throws Fault `MANIFEST_INVALID` that lists every problem with its line: mend the manifest.
 */
export function readStudy(bytes: Uint8Array, crypto: StudyCrypto): Study {
  const reading = inspectStudy(bytes, crypto);
  if (reading.kind === 'study') return reading.study;
  const lines = reading.problems.map((problem) => `\n  ${problemWords(problem)}`).join('');
  throw new Fault('MANIFEST_INVALID', `the manifest cannot be used:${lines}`);
}

/** Like {@link readStudy}, with problems and warnings as values. `bytes` is copied. */
export function inspectStudy(bytes: Uint8Array, crypto: StudyCrypto): StudyReading {
  const reading = readManifest(bytes);
  if (reading.kind === 'problems') return reading;
  const { manifest, locate } = reading;
  const model = modelOf(manifest, crypto);
  const findings = [...contradictions(manifest, crypto.xWing), ...(model.kind === 'findings' ? model.findings : [])];
  if (findings.length > 0 || model.kind === 'findings') {
    return { kind: 'problems', problems: placed(findings, locate) };
  }
  const own = bytes.slice();
  const participants = manifest.participants.map(({ identityKey, releaseKey, ...rest }) => ({
    ...rest,
    identityKey: keyBytes(identityKey),
    releaseKey: keyBytes(releaseKey),
  }));
  const study: Study = Object.freeze({
    [read]: true as const,
    manifest,
    bytes: own,
    digest: crypto.digest('sha256', own),
    layout: model.layout,
    initial: model.initial,
    policy: policyOf(manifest),
    coordinator: { name: manifest.coordinator.name, key: keyBytes(manifest.coordinator.key) },
    participants,
    recipients: recipientsOf(manifest, participants),
    cohort: manifest.rounds.cohort === 'all' ? participants.length : manifest.rounds.cohort,
  });
  return { kind: 'study', study, warnings: placed(warnings(manifest), locate) };
}

function placed(findings: readonly Finding[], locate: (path: ManifestPath) => Position): readonly ManifestProblem[] {
  return findings.map(({ path, message }) => ({ ...locate(path), path: pathWords(path), message }));
}

type ModelReading =
  | { readonly kind: 'model'; readonly layout: ModelLayout; readonly initial: InitialWeights }
  | { readonly kind: 'findings'; readonly findings: readonly Finding[] };

function modelOf({ model }: Manifest, crypto: StudyCrypto): ModelReading {
  const list: ManifestPath = model.kind === 'tensors' ? ['model', 'tensors'] : ['model', 'topology'];
  let tensors: readonly TensorSpec[];
  if (model.kind === 'layers') {
    const reading = tensorsOfTopology(model.topology);
    if (reading.kind === 'problem') return { kind: 'findings', findings: [{ path: list, message: reading.message }] };
    tensors = reading.tensors;
  } else {
    tensors = model.tensors;
  }
  const findings = layoutProblems(tensors).map(({ index, message }) => ({
    path: index === undefined || model.kind === 'layers' ? list : [...list, index],
    message,
  }));
  if (findings.length > 0) return { kind: 'findings', findings };
  const layout = layoutOf(tensors, crypto);
  const initial = initialOf(model.initial, layout);
  if (typeof initial !== 'string') return { kind: 'model', layout, initial };
  return { kind: 'findings', findings: [{ path: ['model', 'initial'], message: initial }] };
}

/** The initial weights, or what is wrong with them. */
function initialOf(initial: Manifest['model']['initial'], layout: ModelLayout): InitialWeights | string {
  if (initial === 'zeros') return { kind: 'zeros' };
  if ('sha256' in initial) {
    const digest = fromHex(initial.sha256);
    assert(digest !== undefined, 'the schema admits hexadecimal digits only');
    return { kind: 'digest', digest };
  }
  const bytes = fromBase64(initial.inline);
  if (bytes === undefined) return 'inline: is not canonical base64';
  const values = bytes.length === layout.bytes ? floatsOf(bytes) : undefined;
  if (values === undefined)
    return `inline: found ${bytes.length} bytes, expected ${layout.bytes}, the size of the model`;
  if (!allFinite(values)) return 'inline: found NaN or an infinity, expected finite values';
  return { kind: 'values', values };
}

function recipientsOf({ release }: Manifest, participants: readonly StudyParticipant[]): readonly StudyRecipient[] {
  const { recipients, extra = [] } = release;
  const named = participants.filter(({ id }) => recipients === 'participants' || recipients.includes(id));
  return [
    ...named.map(({ id, releaseKey }) => ({ id, releaseKey })),
    ...extra.map(({ id, releaseKey }) => ({ id, releaseKey: keyBytes(releaseKey) })),
  ];
}

function keyBytes(base64: string): Uint8Array {
  const bytes = fromBase64(base64);
  assert(bytes !== undefined, 'keys were found to be base64 before');
  return bytes;
}
