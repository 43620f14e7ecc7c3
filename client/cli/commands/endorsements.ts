import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { DescribedEndorsement } from '#client/endorsements/describe.ts';
import { recogniseEndorsements } from '#client/endorsements/recognise.ts';
import { EVIDENCE_LIMITS } from '#shared/attestation/evidence.ts';
import { Fault } from '#shared/fault/fault.ts';
import { cacheFolder, readCache, storeInCache } from '../endorsement-cache.ts';
import { endorsementsView } from '../endorsement-view.ts';
import { readInput, systemCode, systemWords } from '../input-file.ts';
import type { CliContext, CliRuntime } from '../runtime.ts';
import { mountEndorsementsFetch, withFolder } from './endorsements-fetch.ts';

const HELP = `
Endorsements are what vendors sign about their hardware: certificates, revocation lists, collateral. Verification needs
them beside the evidence and fetches nothing. A host passes on those of a folder (host --endorsements FOLDER);
evidence verify --endorsements FOLDER adds them to evidence that came without.`;

/** Longest file that is looked into: PEM is longer than the DER in it, and a file may hold a whole chain. */
const FILE_BYTES_MAX = 4 * EVIDENCE_LIMITS.endorsementBytes;

/** `cloister endorsements fetch|show|import` */
export function mountEndorsements(program: Command, runtime: CliRuntime): void {
  const endorsements = program
    .command('endorsements')
    .description("keep vendors' certificates, revocation lists and collateral for machines without a network")
    .addHelpText('after', HELP);
  mountEndorsementsFetch(endorsements, runtime);
  withFolder(endorsements.command('show'))
    .description('list what is there, how long it is valid and what is stale now')
    .action(runtime.action(show));
  withFolder(endorsements.command('import'))
    .description('take certificates and CRLs (DER, PEM), Intel collateral and key sets (JSON), SNP certificate tables')
    .argument('<file...>', 'files, or folders of them')
    .action(runtime.action(importFiles));
}

async function show(context: CliContext): Promise<void> {
  const folder = cacheFolder(context);
  context.output.show(endorsementsView(folder, await readCache(folder, 'optional'), context));
}

async function importFiles(context: CliContext): Promise<void> {
  const { args, output } = context;
  const folder = cacheFolder(context);
  const found: DescribedEndorsement[] = [];
  for (const path of args) {
    const files = await filesIn(path);
    if (files === undefined) found.push(...(await required(path, context)));
    for (const file of files ?? []) found.push(...(await recognised(file, context)));
  }
  if (found.length === 0) throw new Fault('CONFIG_INVALID', `${args.join(', ')}: found no endorsement to import`);
  output.show(endorsementsView(folder, await storeInCache(folder, found), context));
}

async function required(file: string, { crypto }: CliContext): Promise<readonly DescribedEndorsement[]> {
  const found = recogniseEndorsements(await readInput(file, FILE_BYTES_MAX), crypto);
  if (found.length > 0) return found;
  throw new Fault('CONFIG_INVALID', `${file} is no endorsement of a kind that is known`);
}

/** Of a folder's files those that are endorsements. */
async function recognised(file: string, { crypto, output }: CliContext): Promise<readonly DescribedEndorsement[]> {
  const { size } = await stat(file);
  const found = size > FILE_BYTES_MAX ? [] : recogniseEndorsements(await readInput(file, FILE_BYTES_MAX), crypto);
  if (found.length === 0) output.note(`passed over ${file}: no endorsement of a kind that is known`);
  return found;
}

/** The files of a folder, not of those below it; `undefined` for a file. */
async function filesIn(path: string): Promise<readonly string[] | undefined> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(path, name))
      .toSorted();
  } catch (cause) {
    if (systemCode(cause) === 'ENOTDIR') return undefined;
    throw new Fault('CONFIG_INVALID', `${path} cannot be read: ${systemWords(cause)}`, { cause });
  }
}
