import type { Command } from 'commander';
import { readCsv } from '#client/data/csv.ts';
import type { Dataset } from '#client/data/dataset.ts';
import { eventText } from '#client/participant/event-text.ts';
import {
  decodeStandardisation,
  encodeStandardisation,
  STANDARDISATION_BYTES_MAX,
} from '#client/participant/standardisation-file.ts';
import { chooseTrainer, TRAINERS, type TrainerName } from '#client/participant/trainer-choice.ts';
import { diskReleaseStore, nodePorts, type ParticipantEvent, participate } from '#client/sdk/index.ts';
import { standardisationFrom, standardise } from '#client/trainer/standardisation.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { ParticipantKeys } from '#shared/keys/key-file.ts';
import { floatBytes } from '#shared/model/parameters.ts';
import { openSignedStudy, SIGNED_STUDY_BYTES_MAX } from '#shared/study/signed-study.ts';
import type { Study, StudyParticipant } from '#shared/study/study.ts';
import { readInput, requireAbsent, writeNew } from '../input-file.ts';
import { policiesOf } from '../inputs.ts';
import { readParticipantKeys } from '../key-store.ts';
import { pairs } from '../output.ts';
import { DEVICE_SETTINGS, ownDeviceOf } from '../own-device.ts';
import { type CliContext, type CliRuntime, withSettings } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';

const HELP = `
Your policy
  The manifest says which enclaves its coordinator accepts; your own policy says which ones you accept. Both must hold.
  Take PCR0 from a build of your own (cloister measure FILE), not from the manifest; policies for other platforms are in
  docs/participant.md:

    enclaves:
      - name: cloister 0.1.0
        platform: aws-nitro
        measurements: { PCR0: 96 hex digits }

  An enclave on a machine without a TEE is EMULATED: its operator can read every update. It is refused unless your policy
  names its root. Only for trials with data that anybody may see:

    roots:
      - name: our trial machine
        platform: aws-nitro
        sha256: 64 hex digits
        emulated: true

Your own evidence
  Where the manifest demands evidence of you, the device of this machine gives it: --attester names it, or the first that
  is present is taken. A manifest pins a TPM by its attestation key: give its handle with --tpm-key. How this machine is
  enrolled: cloister evidence make --help.

Results
  --store   verified releases, one folder each; after a restart the participant goes on from the newest
  --out     the final model: float32, little-endian, in layout order; with --trainer moments, JSON for --standardise
  --json    one JSON object a line on stdout for each event

Ctrl-C leaves the study in an orderly way; start the command again to come back.`;

/** `cloister participant`: takes part in a study until it has finished. */
export function mountParticipant(program: Command, runtime: CliRuntime): void {
  const command = program
    .command('participant')
    .description('take part in a study: verify the enclave, train on your own data, follow the releases')
    .addHelpText('after', HELP)
    .action(runtime.action(takePart));
  withSettings(
    command,
    SETTINGS.host,
    { ...SETTINGS.study, help: 'the signed manifest, as the coordinator sent it' },
    SETTINGS.key,
    { ...SETTINGS.policy, help: 'your own appraisal policy (YAML), see below; needed, and may be given again' },
    SETTINGS.data,
    SETTINGS.label,
    SETTINGS.trainer,
    SETTINGS.standardise,
    SETTINGS.store,
    SETTINGS.out,
    ...DEVICE_SETTINGS,
  );
}

async function takePart(context: CliContext): Promise<void> {
  const { settings, crypto, output, signal } = context;
  const host = settings.need(SETTINGS.host);
  // Better now than after the last round.
  await requireAbsent(settings.get(SETTINGS.out));
  const study = openSignedStudy(await readInput(settings.need(SETTINGS.study), SIGNED_STUDY_BYTES_MAX), crypto);
  const keys = await readParticipantKeys(settings.need(SETTINGS.key), crypto);
  const policies = await ownPolicies(context);
  const folder = settings.need(SETTINGS.store);
  const own = entryOf(study, keys);
  const participant = own.id;
  const attester = await ownDeviceOf(context, own);
  const name = trainerName(settings.get(SETTINGS.trainer) ?? 'layers');
  const { trainer, description } = await chooseTrainer(name, study, await readDataset(context));
  output.note(
    `${participant} in ${study.manifest.study}, manifest ${toHex(study.digest)}; trainer ${name}: ${description}`,
  );
  try {
    const store = await diskReleaseStore(folder, crypto);
    const ports = nodePorts(host, (event) => tell(event, context));
    const evidence = attester === undefined ? {} : { attester };
    const end = await participate({ study, participant, keys, policies, trainer, store, ...evidence }, ports, signal);
    if (end.kind === 'left' || end.release === undefined) return;
    const { weights, digest, round } = end.release;
    await writeResult(settings.get(SETTINGS.out), name, weights);
    if (settings.get(SETTINGS.json) !== true) {
      output.show({
        json: {},
        text: () =>
          pairs([
            ['release', toHex(digest)],
            ['round', String(round)],
          ]),
      });
    }
  } finally {
    trainer.dispose();
  }
}

/** Events are the result under `--json`, and remarks otherwise. Both say EMULATED where it is so. */
function tell(event: ParticipantEvent, { settings, output, stdout, log }: CliContext): void {
  log.debug({ event: event.kind }, 'participant event');
  if (settings.get(SETTINGS.json) === true) stdout.write(`${JSON.stringify(event)}\n`);
  else if (event.kind === 'attested' && event.emulated) output.warn(eventText(event));
  else output.note(eventText(event));
}

/** Whom the manifest names with these keys. */
function entryOf(study: Study, keys: ParticipantKeys): StudyParticipant {
  const own = study.participants.find(({ identityKey }) => equalBytes(identityKey, keys.identity.publicKey));
  if (own !== undefined) return own;
  throw new Fault('CONFIG_INVALID', '--key: the manifest names no participant with the identity key of this file');
}

function trainerName(name: string): TrainerName {
  const known = TRAINERS.find((each) => each === name);
  if (known !== undefined) return known;
  throw new Fault('CONFIG_INVALID', `--trainer: found ${name.slice(0, 40)}, expected one of ${TRAINERS.join(', ')}`);
}

async function readDataset({ settings }: CliContext): Promise<Dataset> {
  const label = settings.get(SETTINGS.label) ?? 'label';
  const dataset = await readCsv(settings.need(SETTINGS.data), { label });
  const file = settings.get(SETTINGS.standardise);
  if (file === undefined) return dataset;
  const bytes = await readInput(file, STANDARDISATION_BYTES_MAX);
  return standardise(dataset, decodeStandardisation(bytes, dataset.featureCount));
}

/** The participant's own policies: at least one, since the manifest's alone would be the coordinator's word. */
async function ownPolicies(context: CliContext): Promise<readonly [AppraisalPolicy, ...AppraisalPolicy[]]> {
  context.settings.need(SETTINGS.policy);
  const [first, ...rest] = await policiesOf(context);
  if (first === undefined) throw new Fault('POLICY_INVALID', '--policy: found no file, expected at least one');
  return [first, ...rest];
}

async function writeResult(file: string | undefined, name: TrainerName, weights: Float32Array): Promise<void> {
  if (file === undefined) return;
  await writeNew(file, name === 'moments' ? encodeStandardisation(standardisationFrom(weights)) : floatBytes(weights));
}
