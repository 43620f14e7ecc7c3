import type { Command } from 'commander';
import { appraiseServed } from '#client/coordinator/attest-host.ts';
import { decodeServedEvidence, HostApi } from '#client/coordinator/host-api.ts';
import { explainAttestation } from '#shared/attestation/explain.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { EXIT } from '../exit-code.ts';
import { readInput, writeNew } from '../input-file.ts';
import { policiesOf, studyOf } from '../inputs.ts';
import { pairs } from '../output.ts';
import { type CliContext, type CliRuntime, textFlag, withSettings } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';

const EVIDENCE_BYTES_MAX = 512 * 1024;

/** `cloister evidence fetch|show|verify` */
export function mountEvidence(program: Command, runtime: CliRuntime): void {
  const evidence = program.command('evidence').description('fetch, read and appraise the evidence of an enclave');
  withSettings(evidence.command('fetch'), SETTINGS.host, SETTINGS.study)
    .description('save the evidence that a host serves for a study')
    .argument('[file]', 'file to write', 'evidence.json')
    .action(runtime.action(fetchEvidence));
  evidence
    .command('show')
    .description('say what an evidence file contains; proves nothing')
    .argument('<file>', 'evidence as a host serves it (JSON)')
    .action(runtime.action(show));
  withSettings(evidence.command('verify'), SETTINGS.study, SETTINGS.policy)
    .description('verify evidence and appraise it by the manifest and by every --policy')
    .argument('<file>', 'evidence as a host serves it (JSON)')
    .option('--at <time>', 'judge as of this time, such as 2026-11-22T12:00:00Z (default: now)')
    .action(runtime.action(verify));
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
  const { crypto, output, args } = context;
  const served = decodeServedEvidence(await readInput(args[0] ?? '', EVIDENCE_BYTES_MAX));
  const facts = {
    platform: served.platform,
    documentBytes: served.document.length,
    endorsements: served.endorsements.length,
    instance: toHex(crypto.digest('sha256', served.signingKey)),
    signingKey: toHex(served.signingKey),
    kemKeySha256: toHex(crypto.digest('sha256', served.kemKey)),
    nonceRoot: toHex(served.nonceRoot),
  };
  output.show({
    json: facts,
    text: () => [
      ...pairs(Object.entries(facts).map(([name, value]) => [name, String(value)] as const)),
      'None of it is proved: use `cloister evidence verify`.',
    ],
  });
}

async function verify(context: CliContext): Promise<void> {
  const { crypto, output, args } = context;
  const served = decodeServedEvidence(await readInput(args[0] ?? '', EVIDENCE_BYTES_MAX));
  const { study } = await studyOf(context);
  const policies = await policiesOf(context);
  const result = await appraiseServed(served, { study, policies, atMs: judgedAtMs(context), crypto });
  output.show({
    json:
      result.kind === 'attested'
        ? { ok: true, emulated: result.aggregator.emulated, measurements: result.aggregator.claims.measurements }
        : { ok: false, reasons: result.reasons },
    text: () => explainAttestation(result),
  });
  if (result.kind === 'refused') context.exitWith(EXIT.refused);
}

function judgedAtMs({ flags, nowMs }: CliContext): number {
  const text = textFlag(flags, 'at');
  if (text === undefined) return nowMs();
  const atMs = Date.parse(text);
  if (Number.isFinite(atMs)) return atMs;
  throw new Fault('CONFIG_INVALID', `--at: found ${text.slice(0, 40)}, expected a time such as 2026-11-22T12:00:00Z`);
}
