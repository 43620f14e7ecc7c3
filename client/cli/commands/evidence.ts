import type { Command } from 'commander';
import { HostApi } from '#client/coordinator/host-api.ts';
import { decodeServedEvidence } from '#client/evidence/evidence-file.ts';
import { shownClaims } from '#client/evidence/shown-claims.ts';
import { eatOf } from '#shared/attestation/eat.ts';
import { explainClaims } from '#shared/attestation/explain.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { knownEvidenceIn, readEvidence } from '../evidence-input.ts';
import { writeNew } from '../input-file.ts';
import { studyOf } from '../inputs.ts';
import { pairs } from '../output.ts';
import { type CliContext, type CliRuntime, withSettings } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';
import { mountMake } from './evidence-make.ts';
import { mountVectors } from './evidence-vectors.ts';
import { mountVerify } from './evidence-verify.ts';

/** `cloister evidence fetch|show|make|verify|vectors` */
export function mountEvidence(program: Command, runtime: CliRuntime): void {
  const evidence = program.command('evidence').description('fetch, read and appraise the evidence of an attester');
  withSettings(evidence.command('fetch'), SETTINGS.host, SETTINGS.study)
    .description('save the evidence that a host serves for a study')
    .argument('[file]', 'file to write', 'evidence.json')
    .action(runtime.action(fetchEvidence));
  evidence
    .command('show')
    .description('say what an evidence file contains; proves nothing')
    .argument('<file>', 'evidence as a host serves it, or in the portable form (docs/cli.md)')
    .action(runtime.action(show));
  mountMake(evidence, runtime);
  mountVerify(evidence, runtime);
  mountVectors(evidence, runtime);
}

async function fetchEvidence(context: CliContext): Promise<void> {
  const { settings, signal, output, args } = context;
  const { study } = await studyOf(context);
  const bytes = await new HostApi(settings.need(SETTINGS.host), signal).evidence(study.digest);
  const { platform } = decodeServedEvidence(bytes);
  const file = args[0] ?? 'evidence.json';
  await writeNew(file, bytes);
  output.show({ json: { file, platform }, text: () => [`Wrote ${file} (${platform}), not verified yet`] });
}

async function show(context: CliContext): Promise<void> {
  const { crypto, output, args, nowMs } = context;
  const { evidence, keys } = await readEvidence(args[0] ?? '');
  const { claims, reasons } = await shownClaims(knownEvidenceIn(evidence), nowMs(), crypto);
  const facts = {
    platform: evidence.platform,
    documentBytes: evidence.document.length,
    endorsements: evidence.endorsements.map(({ kind }) => kind),
    ...(keys === undefined
      ? {}
      : {
          instance: toHex(crypto.digest('sha256', keys.signingKey)),
          signingKey: toHex(keys.signingKey),
          kemKeySha256: toHex(crypto.digest('sha256', keys.kemKey)),
          nonceRoot: toHex(keys.nonceRoot),
        }),
  };
  output.show({
    json: { ...facts, proved: false, claims: claims === undefined ? null : eatOf(claims), reasons },
    text: () => [
      ...pairs(Object.entries(facts).map(([name, value]) => [name, factText(value)] as const)),
      ...(claims === undefined
        ? reasons.map(({ code, detail }) => `cannot be read: ${code}: ${detail}`)
        : ['It says of itself:', ...explainClaims(claims).map((line) => `  ${line}`)]),
      'None of it is proved: use `cloister evidence verify`.',
    ],
  });
}

function factText(value: string | number | readonly string[]): string {
  return typeof value === 'object' ? value.join(', ') || 'none' : `${value}`;
}
