import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { HostApi } from '#client/coordinator/host-api.ts';
import type { LoadedStudy } from '#client/coordinator/load-study.ts';
import { type FoundRelease, releasesInFolder, releasesOnHost } from '#client/coordinator/release-source.ts';
import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { floatBytes, tensorViews } from '#shared/model/parameters.ts';
import { openRelease, verifyReleasePayload } from '#shared/release/open-release.ts';
import { type ChainPlace, type VerifiedRelease, verifyReleaseChain } from '#shared/release/verify-release.ts';
import { readInput, writeNew } from '../input-file.ts';
import { EMULATED, releaseAttester, studyOf } from '../inputs.ts';
import { readParticipantKeys } from '../key-store.ts';
import { type CliContext, type CliRuntime, textFlag, withSettings } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';

const HELP = `
Releases come from a folder of saved files (statement.json and payload.bin, each release in a folder of its own), or
from a host with --host. Either way nothing is believed: evidence, signatures, chain and digests are verified here.`;

/** `cloister release list|verify|open` */
export function mountRelease(program: Command, runtime: CliRuntime): void {
  const release = program.command('release').description('list, verify and open the models that an enclave released');
  const sub = (name: string): Command =>
    withSettings(release.command(name), SETTINGS.study, SETTINGS.host, SETTINGS.policy)
      .argument('[folder]', 'folder of saved releases; without it, --host')
      .addHelpText('after', HELP);
  sub('list').description('list releases whose statements hold').action(runtime.action(list));
  sub('verify')
    .description('verify every statement, the chain between them, and every payload that is there')
    .action(runtime.action(verify));
  withSettings(sub('open'), SETTINGS.key)
    .description('verify a release, open it and write its weights')
    .option('--recipient <id>', 'open as this recipient (default: whoever the manifest gives this key)')
    .option('--round <n>', 'round of the release (default: the newest)')
    .option('--out <folder>', 'folder to write', 'model')
    .addOption(
      new Option('--format <format>', 'f32: flat little-endian floats; json: values by tensor')
        .choices(['f32', 'json'])
        .default('f32'),
    )
    .action(runtime.action(open));
}

type Verified = { readonly found: FoundRelease; readonly release: VerifiedRelease<AttestedAggregator> };

async function verifiedReleases(context: CliContext, loaded: LoadedStudy): Promise<readonly Verified[]> {
  const { crypto, settings, signal, args, output } = context;
  const folder = args[0];
  const found =
    folder === undefined
      ? await releasesOnHost(new HostApi(settings.need(SETTINGS.host), signal), loaded.study.digest)
      : await releasesInFolder(folder, readInput);
  const place: ChainPlace =
    found[0]?.round === 0
      ? { kind: 'first' }
      : { kind: 'anywhere', because: 'older releases were not kept; the chain holds from the oldest that was' };
  const chain = await verifyReleaseChain(
    found.map(({ statement }) => statement),
    { manifestDigest: loaded.study.digest, place, attest: await releaseAttester(context, loaded) },
    crypto,
  );
  if (chain.some(({ proof }) => proof.emulated)) output.warn(EMULATED);
  if (place.kind === 'anywhere' && found.length > 0) output.warn(`${place.because} (round ${found[0]?.round})`);
  return found.flatMap((each, index) => {
    const release = chain[index];
    return release === undefined ? [] : [{ found: each, release }];
  });
}

async function list(context: CliContext): Promise<void> {
  const releases = await verifiedReleases(context, await studyOf(context));
  context.output.show({
    json: releases.map(({ release }) => releaseJson(release)),
    text: () =>
      context.output.table(
        ['round', 'release', 'contributions', 'cohort', 'rule'],
        releases.map(({ release: { statement, release } }) => [
          String(statement.round),
          toHex(release),
          String(statement.contributions),
          String(statement.cohortSize),
          statement.rule.kind,
        ]),
      ),
  });
}

async function verify(context: CliContext): Promise<void> {
  const { crypto, output } = context;
  const loaded = await studyOf(context);
  const releases = await verifiedReleases(context, loaded);
  const rows: { readonly json: object; readonly cells: readonly string[] }[] = [];
  for (const { found, release } of releases) {
    requireLayout(release, loaded);
    const payload = await found.payload();
    if (payload !== undefined) await verifyReleasePayload(release, payload, crypto);
    const state = payload === undefined ? 'absent' : 'verified';
    const { statement, proof } = release;
    rows.push({
      json: { ...releaseJson(release), payload: state },
      cells: [String(statement.round), toHex(release.release), state, proof.emulated ? 'EMULATED' : 'hardware'],
    });
  }
  const absent = rows.filter(({ cells }) => cells[2] === 'absent').length;
  if (absent > 0) {
    output.warn(`without payload.bin: ${absent} of ${rows.length} releases; of these only the statement was verified`);
  }
  output.show({
    json: { ok: true, signedManifest: loaded.signed, releases: rows.map(({ json }) => json) },
    text: () => [
      ...output.table(
        ['round', 'release', 'payload', 'evidence'],
        rows.map(({ cells }) => cells),
      ),
      `${rows.length} releases verified: form, evidence, signature, study, chain${payloadWords(rows.length, absent)}.`,
    ],
  });
}

/** Says no more than was done: what is absent was not verified. */
function payloadWords(releases: number, absent: number): string {
  if (absent === 0) return ', payload';
  return absent === releases ? '; no payload was there' : `; payloads of ${releases - absent}`;
}

async function open(context: CliContext): Promise<void> {
  const { crypto, settings, flags, output } = context;
  const loaded = await studyOf(context);
  const keys = await readParticipantKeys(settings.need(SETTINGS.key), crypto);
  const { found, release } = chosen(await verifiedReleases(context, loaded), textFlag(flags, 'round'));
  requireLayout(release, loaded);
  const recipient = textFlag(flags, 'recipient') ?? recipientOf(loaded, keys.release.publicKey);
  const payload = await found.payload();
  if (payload === undefined)
    throw new Fault('RELEASE_INVALID', `${found.from} holds no payload.bin; fetch it with --host`);
  const target = new Float32Array(loaded.study.layout.parameterCount);
  const receiver = { recipient, secretKey: keys.release.secretKey, target };
  const prelude = await openRelease(release, payload, receiver, crypto);
  const folder = textFlag(flags, 'out') ?? 'model';
  const { layout } = loaded.study;
  const bytes = floatBytes(target);
  const description = {
    ...releaseJson(release),
    tensors: layout.tensors,
    layoutDigest: toHex(layout.digest),
    weightsSha256: toHex(crypto.digest('sha256', bytes)),
    metrics: prelude.metrics,
  };
  await mkdir(folder, { recursive: true });
  const weightsFile = join(folder, textFlag(flags, 'format') === 'json' ? 'weights.json' : 'weights.f32');
  const asJson = () =>
    JSON.stringify(
      tensorViews({ layout, values: target }).map((view) => ({ ...view, values: Array.from(view.values) })),
    );
  await writeNew(weightsFile, weightsFile.endsWith('.json') ? asJson() : bytes, 0o600);
  await writeNew(join(folder, 'layout.json'), `${JSON.stringify(description, undefined, 2)}\n`, 0o600);
  output.show({
    json: { folder, weights: weightsFile, ...description },
    text: () => [
      `Opened release ${release.statement.round} as ${recipient}${release.proof.emulated ? ' (EMULATED)' : ''}`,
      `Wrote ${weightsFile} (${layout.parameterCount} values) and ${join(folder, 'layout.json')}`,
    ],
  });
}

function chosen(releases: readonly Verified[], round: string | undefined): Verified {
  const found =
    round === undefined ? releases.at(-1) : releases.find(({ release }) => String(release.statement.round) === round);
  if (found !== undefined) return found;
  const rounds = releases.map(({ release }) => release.statement.round).join(', ') || 'none';
  throw new Fault(
    'CONFIG_INVALID',
    `--round: found ${round ?? 'no release'}, expected one of the rounds there: ${rounds}`,
  );
}

function recipientOf({ study }: LoadedStudy, releaseKey: Uint8Array): string {
  const recipient = study.recipients.find((each) => equalBytes(each.releaseKey, releaseKey));
  if (recipient !== undefined) return recipient.id;
  throw new Fault('RELEASE_SEALED', 'the manifest releases the model to no holder of this key; use the key it names');
}

/** An attested enclave would not sign another layout; a mismatch here means another manifest or a broken enclave. */
function requireLayout({ statement }: VerifiedRelease<unknown>, { study }: LoadedStudy): void {
  const { layout } = study;
  if (equalBytes(statement.layoutDigest, layout.digest) && statement.tensorBytes === layout.bytes) return;
  throw new Fault('RELEASE_INVALID', `release ${statement.round} has another layout than the manifest`);
}

function releaseJson({ statement, release, proof }: VerifiedRelease<AttestedAggregator>): object {
  const { round, study, contributions, cohortSize, rule, privacy } = statement;
  const { emulated, claims } = proof;
  const attestedAt = new Date(claims.issuedAtMs ?? claims.validFromMs).toISOString();
  return { round, release: toHex(release), study, contributions, cohortSize, rule, privacy, emulated, attestedAt };
}
