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
      [
        'must show evidence',
        study.participants
          .filter(({ evidence }) => evidence)
          .map(({ id }) => id)
          .join(', ') || 'nobody',
      ],
      ['model', `${manifest.model.kind}, ${layout.tensors.length} tensors, ${layout.parameterCount} parameters`],
      ['initial weights', initialWords(study)],
      ['rounds', `${rounds.count}, each with ${study.cohort} drawn, ${rounds.quorum} needed`],
      ['deadline', `${rounds.deadlineSeconds} s a round, after up to ${rounds.gatherSeconds} s of gathering`],
      ['aggregation', `${aggregation.rule}, ${weightingWords(study)}`],
      ['examples', `${aggregation.examples.minimum} to ${aggregation.examples.maximum} a participant`],
      ['metrics', aggregation.metrics.join(', ') || 'none'],
      ['privacy', `no noise; acknowledged by ${privacy.acknowledgedBy}`],
      ['releases go to', recipients.map(({ id }) => id).join(', ')],
      ['enclaves', policy.enclaves.map(({ name, platform }) => `${name} (${platform})`).join(', ')],
      ...(policy.roots ?? []).map(({ name }) => ['EMULATED root', name] as const),
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
    participants: study.participants.map(({ id, name }) => ({ id, name })),
    layout: { tensors: layout.tensors, parameterCount: layout.parameterCount, digest: toHex(layout.digest) },
    rounds: { ...manifest.rounds, cohort: study.cohort },
    aggregation: manifest.aggregation,
    privacy: manifest.privacy,
    recipients: study.recipients.map(({ id }) => id),
    enclaves: policy.enclaves,
    emulated: (policy.roots ?? []).length > 0,
  };
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
