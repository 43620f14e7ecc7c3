import type { AcceptedEnclave, AcceptedRoot } from '#shared/attestation/policy.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { Study } from '#shared/study/study.ts';
import { pairs } from './output.ts';

/** What a study will do, for whoever signs it or joins it. */
export function studySummary(study: Study): readonly string[] {
  const { manifest, layout, policy, recipients } = study;
  const { rounds, aggregation, privacy } = manifest;
  return [
    `${manifest.title} (${manifest.study})`,
    '',
    ...pairs([
      ['digest', toHex(study.digest)],
      ['coordinator', study.coordinator.name],
      ['participants', `${study.participants.length}: ${study.participants.map(({ name }) => name).join(', ')}`],
      ['must show evidence', demandedWords(study)],
      ['model', `${manifest.model.kind}, ${layout.tensors.length} tensors, ${layout.parameterCount} parameters`],
      ['initial weights', initialWords(study)],
      ['rounds', `${rounds.count}, each with ${study.cohort} drawn, ${rounds.quorum} needed`],
      ['deadline', `${rounds.deadlineSeconds} s a round, after up to ${rounds.gatherSeconds} s of gathering`],
      ['aggregation', `${aggregation.rule}, ${weightingWords(study)}`],
      ['examples', `${aggregation.examples.minimum} to ${aggregation.examples.maximum} a participant`],
      ['metrics', aggregation.metrics.join(', ') || 'none'],
      ['privacy', `no noise; acknowledged by ${privacy.acknowledgedBy}`],
      ['releases go to', recipients.map(({ id }) => id).join(', ')],
      ...policy.enclaves.flatMap(enclaveRows),
      ...(policy.roots ?? []).map(rootRow),
    ]),
  ];
}

/** The same for scripts. */
export function studyJson(study: Study): object {
  const { manifest, layout, policy } = study;
  return {
    study: manifest.study,
    title: manifest.title,
    digest: toHex(study.digest),
    coordinator: manifest.coordinator,
    participants: study.participants.map(({ id, name, evidence }) => ({ id, name, evidence })),
    layout: { tensors: layout.tensors, parameterCount: layout.parameterCount, digest: toHex(layout.digest) },
    rounds: { ...manifest.rounds, cohort: study.cohort },
    aggregation: manifest.aggregation,
    privacy: manifest.privacy,
    recipients: study.recipients.map(({ id }) => id),
    enclaves: policy.enclaves,
    roots: policy.roots ?? [],
    emulated: (policy.roots ?? []).some(({ emulated }) => emulated),
  };
}

type Row = readonly [name: string, value: string];

function enclaveRows(enclave: AcceptedEnclave): readonly Row[] {
  const { name, platform, measurements, attributes = {}, minimums = {}, tcbStatuses, advisories = [] } = enclave;
  return [
    ['enclave', `${name} (${platform})`],
    ...Object.entries(measurements).flatMap(([measurement, value]) => partOf(measurement, [value])),
    ...partOf('at least', wordsOf(minimums)),
    ...partOf('with', wordsOf(attributes)),
    ...partOf('TCB status', tcbStatuses ?? []),
    ...partOf('despite', advisories),
  ];
}

/** A row below an enclave's own; none where it states nothing. */
function partOf(title: string, words: readonly string[]): readonly Row[] {
  return words.length === 0 ? [] : [[`  ${title}`, words.join(', ')]];
}

function wordsOf(values: Readonly<Record<string, string | number | boolean>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `${name} ${value}`);
}

function rootRow({ name, kind, platform, sha256, emulated }: AcceptedRoot): Row {
  const genuine = kind === 'key' ? 'enrolled key' : 'further root';
  return [emulated ? 'EMULATED root' : genuine, `${name} (${platform}), SHA-256 ${sha256}`];
}

function demandedWords({ participants }: Study): string {
  const words = participants.flatMap(({ id, evidence }) =>
    (evidence?.enclaves ?? []).map(({ name, platform }) => `${id}: ${name} (${platform})`),
  );
  return words.join(', ') || 'nobody';
}

function initialWords({ initial }: Study): string {
  if (initial.kind === 'zeros') return 'zeros';
  return initial.kind === 'values' ? 'in the manifest' : `given apart, SHA-256 ${toHex(initial.digest)}`;
}

function weightingWords({ manifest }: Study): string {
  const { weighting } = manifest.aggregation;
  if (weighting.kind === 'uniform') return 'every participant counts the same';
  return `by number of examples, at most ${weighting.maximum} each`;
}
