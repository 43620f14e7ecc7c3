import type { Command } from 'commander';
import { stringify } from 'yaml';
import { draftPolicy } from '#client/evidence/draft-policy.ts';
import { encodeEvidenceFile } from '#client/evidence/evidence-file.ts';
import { shownClaims } from '#client/evidence/shown-claims.ts';
import { anchorsFor } from '#shared/attestation/anchors.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import { eatOf } from '#shared/attestation/eat.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { Reason } from '#shared/attestation/reasons.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { Fault } from '#shared/fault/fault.ts';
import { hexFlag } from '../evidence-input.ts';
import { requireAbsent, writeNew } from '../input-file.ts';
import { DEVICE_SETTINGS, openDevice, REPORT_DATA_BYTES } from '../own-device.ts';
import { type CliContext, type CliRuntime, textFlag, textFlags, withSettings } from '../runtime.ts';

const HELP = `
Asks the device of this machine for evidence, as it is asked when a study demands it, writes it to FILE and prints the
policy that accepts this machine. Read that policy: it states what runs here now, whether or not that is as it should be.

  a participant   ends the file that \`cloister keygen participant\` printed with it, and sends that to the coordinator:
                  cloister evidence make own.json --attester tpm-quote --tpm-key 0x81010002 >> st-mary.yaml
  an operator     gives it to the coordinator for \`cloister study new --enclaves\`:
                  cloister evidence make own.json --attester amd-sev-snp --json > enclave.json

A TPM is pinned by its attestation key: name a persistent one with --tpm-key, or the policy holds until the next start
only.`;

/** `cloister evidence make` */
export function mountMake(evidence: Command, runtime: CliRuntime): void {
  withSettings(evidence.command('make'), ...DEVICE_SETTINGS)
    .description('make evidence of this machine, and print the policy that accepts it')
    .argument('[file]', 'file to write', 'evidence.json')
    .option('--name <text>', 'what the policy calls this machine', 'this machine')
    .option('--measurement <name...>', 'measurements that the policy states (default: those usual on the platform)')
    .option('--report-data <hex>', '64 bytes for the evidence to hold (default: random ones)')
    .option('--emulated', 'the device is a trial without hardware: the policy says so', false)
    .addHelpText('after', HELP)
    .action(runtime.action(make));
}

async function make(context: CliContext): Promise<void> {
  const { flags, output, args, crypto, nowMs } = context;
  const file = args[0] ?? 'evidence.json';
  await requireAbsent(file);
  const reportData = hexFlag(context, 'reportData', '--report-data') ?? crypto.randomBytes(REPORT_DATA_BYTES);
  if (reportData.length !== REPORT_DATA_BYTES) {
    throw new Fault('CONFIG_INVALID', `--report-data: found ${reportData.length} bytes, expected ${REPORT_DATA_BYTES}`);
  }
  const evidence = await (await openDevice(context)).evidenceFor(reportData);
  const { claims, reasons, unvouched } = await shownClaims(evidence, nowMs(), crypto);
  if (claims === undefined) {
    const words = reasons.map(({ code, detail }) => `${code} (${detail})`).join('; ');
    throw new Fault('ATTESTER_FAILED', `the device gave evidence that cannot be read: ${words}`);
  }
  const emulated = flags['emulated'] === true;
  if (claims.root.emulated && !emulated) {
    const root = `the evidence ends in the root ${claims.root.sha256}, which is no vendor's`;
    throw new Fault('CONFIG_INVALID', `${root}; for a trial without hardware say --emulated`);
  }
  const name = textFlag(flags, 'name') ?? 'this machine';
  const policy = draftPolicy(claims, unvouched, { name, measurements: textFlags(flags, 'measurement'), emulated });
  const open = await failures(evidence, policy, context);
  await writeNew(file, encodeEvidenceFile(evidence));
  output.note(`Wrote ${file} (${evidence.platform}).`);
  for (const { code, detail } of open) output.warn(`this policy does not accept it yet: ${code}: ${detail}`);
  output.show({
    json: { file, platform: evidence.platform, claims: eatOf(claims), policy, reasons: open },
    text: () => asFieldOfParticipant(policy),
  });
}

/** In the place of a further field below the entry that `cloister keygen participant` printed. */
function asFieldOfParticipant(evidence: AppraisalPolicy): readonly string[] {
  const lines = stringify({ evidence }, { lineWidth: 0 }).trimEnd().split('\n');
  return lines.map((line) => `  ${line}`);
}

/** What the drafted policy holds against the evidence, such as a list that is missing: for people to decide. */
async function failures(
  evidence: Evidence,
  policy: AppraisalPolicy,
  { nowMs, crypto }: CliContext,
): Promise<readonly Reason[]> {
  const atMs = nowMs();
  const verification = await verifyEvidence(evidence, { anchors: anchorsFor([policy]), atMs, crypto });
  const found = verification.kind === 'refused' ? verification.reasons : [];
  return verification.claims === undefined ? found : [...found, ...appraise(verification.claims, [policy], atMs)];
}
