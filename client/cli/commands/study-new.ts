import { type Command, Option } from 'commander';
import { parse } from 'yaml';
import { policyFrom } from '#client/evidence/policy-file.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { Fault } from '#shared/fault/fault.ts';
import { readInput, writeNew } from '../input-file.ts';
import { policyIn } from '../inputs.ts';
import { readCoordinatorKeys } from '../key-store.ts';
import { draftManifest, FILL_IN, type TemplateParticipant } from '../manifest-template.ts';
import { type CliContext, type CliRuntime, textFlag, textFlags, withSettings } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';

/** What 512 participants printed, each with evidence. */
const PUBLIC_PARTS_BYTES_MAX = 4 * 1024 * 1024;

/** `cloister study new`: a commented manifest to go on from. */
export function mountStudyNew(study: Command, runtime: CliRuntime): void {
  withSettings(study.command('new'), SETTINGS.key)
    .description('write a commented manifest; what you do not give is left as FILL-IN, and `study check` asks for it')
    .argument('[file]', 'manifest to write', 'study.yaml')
    .option('--name <name>', 'short name of the study: 1 to 48 of a-z, 0-9 and -', 'my-study')
    .option('--title <title>', 'title for people')
    .option('--coordinator <name>', 'who coordinates, for people', 'Coordinator')
    .option(
      '--participant <file...>',
      'files that participants printed with `cloister keygen participant`; takes all words up to the next option',
    )
    .addOption(
      new Option('--template <kind>', 'layers: a tfjs model; tensors: any framework')
        .choices(['layers', 'tensors'])
        .default('layers'),
    )
    .option('--features <n>', 'inputs of the model', '30')
    .option('--rounds <n>', 'rounds to run', '20')
    .option('--measurement <hex>', 'PCR0 of the enclave that is accepted, as `cloister measure` prints it')
    .option('--emulated-root <hex>', 'SHA-256 of the root of an emulated TEE to accept: for trying out only')
    .option(
      '--enclaves <file>',
      'in the place of both, a policy for enclaves of any platform: a file of yours, or what `enclave` or `evidence make --json` printed',
    )
    .action(runtime.action(createManifest));
}

async function createManifest(context: CliContext): Promise<void> {
  const { flags, settings, crypto, output, args } = context;
  const file = args[0] ?? 'study.yaml';
  const keyFile = settings.get(SETTINGS.key);
  const key =
    keyFile === undefined ? FILL_IN : toBase64((await readCoordinatorKeys(keyFile, crypto)).signing.publicKey);
  const participants = await Promise.all(textFlags(flags, 'participant').map(participantOf));
  const study = textFlag(flags, 'name') ?? 'my-study';
  const emulatedRoot = textFlag(flags, 'emulatedRoot');
  const policy = await enclavePolicy(context);
  const manifest = draftManifest({
    study,
    title: textFlag(flags, 'title') ?? study,
    template: textFlag(flags, 'template') === 'tensors' ? 'tensors' : 'layers',
    coordinator: { name: textFlag(flags, 'coordinator') ?? 'Coordinator', key },
    participants: participants.flat(),
    pcr0: textFlag(flags, 'measurement') ?? FILL_IN,
    ...(emulatedRoot === undefined ? {} : { emulatedRoot }),
    ...(policy === undefined ? {} : { policy }),
    features: countFlag(flags, 'features'),
    rounds: countFlag(flags, 'rounds'),
  });
  await writeNew(file, manifest);
  const open = manifest.split('\n').filter((line) => line.includes(FILL_IN)).length;
  output.show({
    json: { file, fillIn: open },
    text: () => [
      `Wrote ${file}`,
      ...(open === 0 ? [] : [`${open} lines say ${FILL_IN}: fill them in.`]),
      `Next: cloister study check ${file}`,
    ],
  });
}

/** The public part of one participant, or of several, as keygen printed it. */
async function participantOf(file: string): Promise<readonly TemplateParticipant[]> {
  const value = await readPrinted(file);
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const participants = list.map((each) => publicPart(each, file)).filter((each) => each !== undefined);
  if (participants.length === list.length) return participants;
  throw new Fault('CONFIG_INVALID', `${file}: expected id, name, identityKey and releaseKey, as keygen printed them`);
}

function publicPart(value: unknown, file: string): TemplateParticipant | undefined {
  if (typeof value !== 'object' || value === null || 'secretKey' in value) return undefined;
  const { id, name, identityKey, releaseKey, evidence }: Partial<Record<keyof TemplateParticipant, unknown>> = value;
  if (typeof id !== 'string' || typeof name !== 'string') return undefined;
  if (typeof identityKey !== 'string' || typeof releaseKey !== 'string') return undefined;
  const demanded = evidence === undefined ? {} : { evidence: policyFrom(evidence, `${file}: evidence of ${id}`) };
  return { id, name, identityKey, releaseKey, ...demanded };
}

async function readPrinted(file: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readInput(file, PUBLIC_PARTS_BYTES_MAX));
  try {
    return parse(text, { schema: 'core', maxAliasCount: 0, logLevel: 'error' });
  } catch (cause) {
    const [why = ''] = cause instanceof Error ? cause.message.split('\n') : [];
    throw new Fault('CONFIG_INVALID', `${file} is not what keygen printed: ${why}`, { cause });
  }
}

/** The policy that `--enclaves` names. */
async function enclavePolicy({ flags }: CliContext): Promise<AppraisalPolicy | undefined> {
  const file = textFlag(flags, 'enclaves');
  if (file === undefined) return undefined;
  for (const name of ['measurement', 'emulatedRoot']) {
    if (textFlag(flags, name) !== undefined) {
      throw new Fault('CONFIG_INVALID', '--enclaves is a whole policy: leave out --measurement and --emulated-root');
    }
  }
  return policyIn(file);
}

function countFlag(flags: CliContext['flags'], name: string): number {
  const text = textFlag(flags, name) ?? '';
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Fault('CONFIG_INVALID', `--${name}: found ${text.slice(0, 20)}, expected an integer from 1 to 999999`);
}
