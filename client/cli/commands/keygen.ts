import type { Command } from 'commander';
import { stringify } from 'yaml';
import { toBase64 } from '#shared/bytes/base64.ts';
import { Fault } from '#shared/fault/fault.ts';
import { generateCoordinatorKeys, generateParticipantKeys, type Keys } from '#shared/keys/key-file.ts';
import { readKeys, writeKeys } from '../key-store.ts';
import { type CliContext, type CliRuntime, textFlag } from '../runtime.ts';

const HELP = `
The key file holds secrets (mode 0600): keep it, copy it nowhere, send it to nobody.
What is printed is public: the coordinator puts it into the manifest.`;

/** `cloister keygen coordinator|participant|show` */
export function mountKeygen(program: Command, runtime: CliRuntime): void {
  const keygen = program
    .command('keygen')
    .description('make the keys of a coordinator or a participant')
    .addHelpText('after', HELP);
  keygen
    .command('coordinator')
    .description('make an Ed25519 key that signs manifests and commands')
    .option('--out <file>', 'key file to write', 'coordinator.key')
    .option('--name <name>', 'name for people, such as "Research team"', 'Coordinator')
    .addHelpText('after', HELP)
    .action(runtime.action((context) => generate(context, generateCoordinatorKeys(context.crypto))));
  keygen
    .command('participant')
    .description('make an identity key (Ed25519) and a release key (X-Wing)')
    .requiredOption('--id <id>', 'short name in the study: 1 to 32 of a-z, 0-9 and -')
    .option('--name <name>', 'name for people, such as "St Mary Hospital" (default: the id)')
    .option('--out <file>', 'key file to write (default: ID.key)')
    .addHelpText('after', HELP)
    .action(runtime.action((context) => generate(context, generateParticipantKeys(context.crypto))));
  keygen
    .command('show')
    .description('print the public part of a key file again')
    .argument('<file>', 'key file')
    .option('--id <id>', 'short name of the participant', 'participant')
    .option('--name <name>', 'name for people')
    .action(
      runtime.action(async (context) => {
        showPublic(context, await readKeys(context.args[0] ?? '', context.crypto), context.args[0] ?? '');
      }),
    );
}

async function generate(context: CliContext, keys: Keys): Promise<void> {
  const id = idOf(context);
  const file = textFlag(context.flags, 'out') ?? `${id}.key`;
  await writeKeys(file, keys);
  context.output.note(`Wrote ${file} (mode 0600). It holds secrets: keep it, send it to nobody.`);
  showPublic(context, keys, file);
}

function idOf({ flags }: CliContext): string {
  const id = textFlag(flags, 'id') ?? 'participant';
  if (/^[a-z0-9-]{1,32}$/.test(id)) return id;
  throw new Fault('CONFIG_INVALID', `--id: found ${id.slice(0, 40)}, expected 1 to 32 of a-z, 0-9 and -`);
}

function showPublic(context: CliContext, keys: Keys, file: string): void {
  const id = idOf(context);
  const name = textFlag(context.flags, 'name') ?? id;
  if (keys.kind === 'coordinator') {
    const coordinator = { name, key: toBase64(keys.signing.publicKey) };
    context.output.show({ json: { file, coordinator }, text: () => [yaml({ coordinator })] });
    return;
  }
  const participant = {
    id,
    name,
    identityKey: toBase64(keys.identity.publicKey),
    releaseKey: toBase64(keys.release.publicKey),
  };
  context.output.show({ json: { file, participant }, text: () => [yaml([participant])] });
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}
