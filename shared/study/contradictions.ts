import type { PlatformVerifier } from '#shared/attestation/platform.ts';
import { PLATFORM_VERIFIERS } from '#shared/attestation/platforms.ts';
import { type AppraisalPolicy, policyProblems } from '#shared/attestation/policy.ts';
import { fromBase64 } from '#shared/bytes/base64.ts';
import { isStrictEd25519Point } from '#shared/crypto/ed25519-point.ts';
import type { Kem } from '#shared/crypto/port.ts';
import type { Manifest } from './manifest.ts';
import type { ManifestPath } from './problem.ts';

/** Something at a path of the manifest that contradicts something else in it, or deserves a warning. */
export interface Finding {
  readonly path: ManifestPath;
  readonly message: string;
}

/** Every contradiction between fields that each have the right form. The model is `study.ts`'s own part. */
export function contradictions(manifest: Manifest, kem: Kem): readonly Finding[] {
  return [
    ...participantFindings(manifest),
    ...keyFindings(manifest, kem),
    ...policyFindings(manifest),
    ...roundFindings(manifest),
    ...aggregationFindings(manifest),
    ...recipientFindings(manifest),
  ];
}

/** What is allowed and yet should be known to whoever signs. */
export function warnings(manifest: Manifest): readonly Finding[] {
  const found: Finding[] = [];
  const { rounds, release } = manifest;
  if (rounds.quorum === 1) {
    found.push({
      path: ['rounds', 'quorum'],
      message: 'a quorum of 1 lets a release show the update of a single participant',
    });
  }
  found.push(...trustWarnings(manifest));
  const recipients = release.recipients;
  if (recipients === 'participants') return found;
  for (const { id } of manifest.participants.filter((participant) => !recipients.includes(participant.id))) {
    found.push({
      path: ['release', 'recipients'],
      message: `${id} takes part but receives no release, so it has no weights to train from`,
    });
  }
  return found;
}

/** What the manifest accepts that a participant would hardly expect. */
function trustWarnings(manifest: Manifest): readonly Finding[] {
  const found = [...laxities(policyOf(manifest), [])];
  for (const [index, { platform, name }] of manifest.enclaves.entries()) {
    const { unprotected }: PlatformVerifier = PLATFORM_VERIFIERS[platform];
    if (unprotected === undefined) continue;
    found.push({ path: ['enclaves', index], message: `the operator of ${name} can read updates: ${unprotected}` });
  }
  for (const [index, { evidence }] of manifest.participants.entries()) {
    if (evidence !== undefined) found.push(...laxities(evidence, ['participants', index, 'evidence']));
  }
  return found;
}

/** What a policy at a path of the manifest lets pass. */
function laxities({ roots = [], debug, endorsements }: AppraisalPolicy, at: ManifestPath): readonly Finding[] {
  const found: Finding[] = [];
  if (debug === 'allow') {
    const message = 'evidence in debug mode is accepted: whoever runs the machine can read its memory';
    found.push({ path: [...at, 'debug'], message });
  }
  for (const [index, { name, emulated }] of roots.entries()) {
    if (!emulated) continue;
    const message = `EMULATED: evidence under the root ${name} comes from no hardware and protects nothing from its operator`;
    found.push({ path: [...at, 'roots', index], message });
  }
  for (const [index, { check, because }] of (endorsements?.waive ?? []).entries()) {
    found.push({
      path: [...at, 'endorsements', 'waive', index],
      message: `${check} does not refuse evidence: ${because}`,
    });
  }
  return found;
}

function participantFindings({ participants }: Manifest): readonly Finding[] {
  return repeated(
    participants.map(({ id }) => id),
    (index) => ['participants', index, 'id'],
    'is the id of another participant too',
  );
}

/** Keys have to be canonical base64, and no two parties may share one. */
function keyFindings(manifest: Manifest, kem: Kem): readonly Finding[] {
  const { coordinator, participants, release } = manifest;
  const signing = [
    { key: coordinator.key, path: ['coordinator', 'key'] },
    ...participants.map(({ identityKey: key }, index) => ({ key, path: ['participants', index, 'identityKey'] })),
  ];
  const sealing = [
    ...participants.map(({ releaseKey: key }, index) => ({ key, path: ['participants', index, 'releaseKey'] })),
    ...(release.extra ?? []).map(({ releaseKey: key }, index) => ({
      key,
      path: ['release', 'extra', index, 'releaseKey'],
    })),
  ];
  const malformed = [...signing, ...sealing]
    .filter(({ key }) => fromBase64(key) === undefined)
    .map(({ path }) => ({ path, message: 'is not canonical base64; copy the key as `cloister keygen` printed it' }));
  const unusable = signing
    .filter(({ key }) => {
      const bytes = fromBase64(key);
      return bytes !== undefined && !isStrictEd25519Point(bytes);
    })
    .map(({ path }) => ({ path, message: 'is not a usable Ed25519 public key; make one with `cloister keygen`' }));
  const shared = [signing, sealing].flatMap((list) =>
    repeated(
      list.map(({ key }) => key),
      (index) => list[index]?.path ?? [],
      'is the key of another party too; each party has keys of its own',
    ),
  );
  const unsealable = sealing
    .filter(({ key }) => {
      const bytes = fromBase64(key);
      return bytes !== undefined && !canSealTo(bytes, kem);
    })
    .map(({ path }) => ({ path, message: 'is not a usable X-Wing public key; make one with `cloister keygen`' }));
  return [...malformed, ...unusable, ...unsealable, ...shared];
}

/** Found out by trying, now: a key that fails must not surface when a release is sealed. */
function canSealTo(publicKey: Uint8Array, kem: Kem): boolean {
  try {
    kem.encapsulate(publicKey);
    return true;
  } catch {
    // The port throws for a malformed key and for nothing else; the answer is the return value.
    return false;
  }
}

function policyFindings(manifest: Manifest): readonly Finding[] {
  const own = policyProblems(policyOf(manifest));
  const demanded = manifest.participants.flatMap(({ evidence }, index) =>
    (evidence === undefined ? [] : policyProblems(evidence)).map(({ path, message }) => ({
      path: ['participants', index, 'evidence', ...path],
      message,
    })),
  );
  return [...own, ...demanded];
}

/** The appraisal policy that a manifest holds for its enclaves. */
export function policyOf(manifest: Manifest): AppraisalPolicy {
  const { enclaves, roots, vendorRoots, debug, maximumAgeSeconds, endorsements } = manifest;
  return {
    enclaves,
    ...(roots === undefined ? {} : { roots }),
    ...(vendorRoots === undefined ? {} : { vendorRoots }),
    ...(endorsements === undefined ? {} : { endorsements }),
    ...(debug === undefined ? {} : { debug }),
    ...(maximumAgeSeconds === undefined ? {} : { maximumAgeSeconds }),
  };
}

function roundFindings({ rounds, participants }: Manifest): readonly Finding[] {
  const found: Finding[] = [];
  const all = participants.length;
  const cohort = rounds.cohort === 'all' ? all : rounds.cohort;
  if (cohort > all) {
    const message = `found ${cohort}, expected at most the number of participants, ${all}`;
    found.push({ path: ['rounds', 'cohort'], message });
  }
  const bound = Math.min(cohort, all);
  if (rounds.quorum > bound) {
    const what = bound === all ? 'number of participants' : 'size of the cohort';
    const message = `found ${rounds.quorum}, expected at most the ${what}, ${bound}`;
    found.push({ path: ['rounds', 'quorum'], message });
  }
  return found;
}

function aggregationFindings({ aggregation }: Manifest): readonly Finding[] {
  const { examples, metrics } = aggregation;
  const found = [...repeated(metrics, (index) => ['aggregation', 'metrics', index], 'appears twice')];
  if (examples.minimum > examples.maximum) {
    const message = `found ${examples.minimum}, expected at most the maximum, ${examples.maximum}`;
    found.push({ path: ['aggregation', 'examples', 'minimum'], message });
  }
  return found;
}

function recipientFindings({ release, participants }: Manifest): readonly Finding[] {
  const ids = new Set(participants.map(({ id }) => id));
  const extra = release.extra ?? [];
  const found: Finding[] = [];
  for (const [index, { id }] of extra.entries()) {
    if (ids.has(id)) {
      const message = `${id} is a participant; list it under release.recipients`;
      found.push({ path: ['release', 'extra', index, 'id'], message });
    }
  }
  const extraIds = extra.map(({ id }) => id);
  found.push(...repeated(extraIds, (index) => ['release', 'extra', index, 'id'], 'appears twice'));
  const recipients = release.recipients;
  if (recipients === 'participants') return found;
  for (const [index, id] of recipients.entries()) {
    if (!ids.has(id)) {
      const message = `${id} is not a participant; give the release key of others under release.extra`;
      found.push({ path: ['release', 'recipients', index], message });
    }
  }
  found.push(...repeated(recipients, (index) => ['release', 'recipients', index], 'appears twice'));
  if (recipients.length + extra.length === 0) {
    found.push({ path: ['release', 'recipients'], message: 'nobody would receive a release; name at least one' });
  }
  return found;
}

/** A finding for each value that stood earlier in the list. */
function repeated(values: readonly string[], pathOf: (index: number) => ManifestPath, message: string): Finding[] {
  return [...values.entries()]
    .filter(([index, value]) => values.indexOf(value) < index)
    .map(([index, value]) => ({ path: pathOf(index), message: value.length > 40 ? message : `${value} ${message}` }));
}
