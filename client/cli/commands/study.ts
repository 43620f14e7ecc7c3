import type { Command } from 'commander';
import { isEnvelope } from '#client/coordinator/load-study.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { problemWords } from '#shared/study/problem.ts';
import { openSignedStudy, SIGNED_STUDY_BYTES_MAX, signStudy } from '#shared/study/signed-study.ts';
import { inspectStudy, readStudy, type StudyReading } from '#shared/study/study.ts';
import { EXIT } from '../exit-code.ts';
import { readInput, writeNew } from '../input-file.ts';
import { readCoordinatorKeys } from '../key-store.ts';
import { type CliContext, type CliRuntime, textFlag, withSettings } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';
import { studyJson, studySummary } from '../study-summary.ts';
import { mountStudyNew } from './study-new.ts';
import { mountStudyOrders } from './study-order.ts';

/** `cloister study …`: what a coordinator does, from the manifest to its rounds. */
export function mountStudy(program: Command, runtime: CliRuntime): void {
  const study = program.command('study').description('write, check, sign and run a study (coordinator)');
  mountStudyNew(study, runtime);
  study
    .command('check')
    .description('read a manifest, list everything wrong with it by line, say what the study will do')
    .argument('[manifest]', 'manifest file, plain or signed [CLOISTER_STUDY]')
    .action(runtime.action(check));
  withSettings(study.command('sign'), SETTINGS.key)
    .description('sign a manifest with the coordinator key that it names')
    .argument('[manifest]', 'manifest file [CLOISTER_STUDY]')
    .option('--out <file>', 'signed manifest to write (default: the manifest with the ending .signed.json)')
    .action(runtime.action(sign));
  mountStudyOrders(study, runtime);
}

async function check(context: CliContext): Promise<void> {
  const { output, crypto } = context;
  const file = fileOf(context);
  const bytes = await readInput(file, SIGNED_STUDY_BYTES_MAX);
  const signed = isEnvelope(bytes);
  const reading = inspect(bytes, crypto);
  if (reading.kind === 'problems') {
    const { problems } = reading;
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    output.show({
      json: { ok: false, file, problems },
      text: () => [`${file}: ${count}`, ...problems.map((problem) => `  ${problemWords(problem)}`)],
    });
    context.exitWith(EXIT.failed);
    return;
  }
  const { study, warnings } = reading;
  output.show({
    json: { ok: true, file, signed, warnings, ...studyJson(study) },
    text: () => [
      ...studySummary(study),
      '',
      signed ? `Signed by ${study.coordinator.name}; the signature holds.` : 'Not signed yet.',
    ],
  });
  for (const warning of warnings) output.warn(problemWords(warning));
}

/** Problems of a signed manifest's content are listed as those of a plain one are; a bad signature is thrown. */
function inspect(bytes: Uint8Array, crypto: CryptoPort): StudyReading {
  return inspectStudy(isEnvelope(bytes) ? openSignedStudy(bytes, crypto).bytes : bytes, crypto);
}

async function sign(context: CliContext): Promise<void> {
  const { crypto, settings, output, flags } = context;
  const file = fileOf(context);
  const bytes = await readInput(file, SIGNED_STUDY_BYTES_MAX);
  if (isEnvelope(bytes)) throw new Fault('CONFIG_INVALID', `${file} is signed already; sign the manifest itself`);
  const study = readStudy(bytes, crypto);
  const keys = await readCoordinatorKeys(settings.need(SETTINGS.key), crypto);
  const signedFile = textFlag(flags, 'out') ?? `${file.replace(/\.ya?ml$/, '')}.signed.json`;
  await writeNew(signedFile, signStudy(study, keys.signing.secretKey, crypto));
  const digest = toHex(study.digest);
  output.show({
    json: { file: signedFile, digest },
    text: () => [
      `Wrote ${signedFile}`,
      `digest ${digest}`,
      'Give participants the file, and the digest by another way.',
    ],
  });
}

function fileOf({ args, settings }: CliContext): string {
  return args[0] ?? settings.need(SETTINGS.study);
}
