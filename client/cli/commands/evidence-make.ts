import type { Command } from 'commander';
import { stringify } from 'yaml';
import { appraiseEvidence } from '#client/evidence/appraise-evidence.ts';
import { draftPolicy } from '#client/evidence/draft-policy.ts';
import { encodeEvidenceFile } from '#client/evidence/evidence-file.ts';
import { shownClaims } from '#client/evidence/shown-claims.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import { eatOf } from '#shared/attestation/eat.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { Reason } from '#shared/attestation/reasons.ts';
import { Fault } from '#shared/fault/fault.ts';
import { hexFlag } from '../evidence-input.ts';
import { EXIT } from '../exit-code.ts';
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
  const { flags, args, crypto, nowMs } = context;
  const file = args[0] ?? 'evidence.json';
  await requireAbsent(file);
  const reportData = hexFlag(context, 'reportData', '--report-data') ?? crypto.randomBytes(REPORT_DATA_BYTES);
  if (reportData.length !== REPORT_DATA_BYTES) {
    throw new Fault('CONFIG_INVALID', `--report-data: found ${reportData.length} bytes, expected ${REPORT_DATA_BYTES}`);
  }
  const evidence = await (await openDevice(context)).evidenceFor(reportData);
  const { claims, reasons, unvouched } = await shownClaims(evidence, nowMs(), crypto);
  if (claims === undefined) return withoutPolicy({ file, evidence, reasons }, context);
  const emulated = flags['emulated'] === true;
  if (claims.root.emulated && !emulated) {
    const root = `the evidence ends in the root ${claims.root.sha256}, which is no vendor's`;
    throw new Fault('CONFIG_INVALID', `${root}; for a trial without hardware say --emulated`);
  }
  const name = textFlag(flags, 'name') ?? 'this machine';
  const policy = draftPolicy(claims, unvouched, { name, measurements: textFlags(flags, 'measurement'), emulated });
  const binding = { nonce: undefined, reportData: undefined };
  const judged = await appraiseEvidence(evidence, { policies: [policy], binding, atMs: nowMs(), crypto });
  await told({ file, evidence, reasons: judged.reasons, claims, policy }, context);
}

/** What was made, and what is missing before it can be read: the vendor's certificates, as a rule. */
async function withoutPolicy(made: Pick<Made, 'file' | 'evidence' | 'reasons'>, context: CliContext): Promise<void> {
  await told({ ...made, claims: undefined, policy: undefined }, context);
  context.output.note(
    `No policy can be drafted from it. What a vendor publishes you get with\n` +
      `  cloister endorsements fetch --for ${made.file} --folder FOLDER\n` +
      `on a machine with a network; then make evidence anew with --endorsements FOLDER.`,
  );
  context.exitWith(EXIT.failed);
}

/** Evidence of this machine and the policy that accepts it, with what that policy holds against the evidence. */
interface Made {
  readonly file: string;
  readonly evidence: Evidence;
  readonly reasons: readonly Reason[];
  readonly claims: Claims | undefined;
  readonly policy: AppraisalPolicy | undefined;
}

async function told({ file, evidence, reasons, claims, policy }: Made, { output }: CliContext): Promise<void> {
  await writeNew(file, encodeEvidenceFile(evidence));
  output.note(`Wrote ${file} (${evidence.platform}).`);
  const what = policy === undefined ? 'the evidence cannot be read yet' : 'this policy does not accept it yet';
  for (const { code, detail } of reasons) output.warn(`${what}: ${code}: ${detail}`);
  const eat = claims === undefined ? null : eatOf(claims);
  output.show({
    json: { file, platform: evidence.platform, claims: eat, policy: policy ?? null, reasons },
    text: () => (policy === undefined ? [] : asFieldOfParticipant(policy)),
  });
}

/** In the place of a further field below the entry that `cloister keygen participant` printed. */
function asFieldOfParticipant(evidence: AppraisalPolicy): readonly string[] {
  const lines = stringify({ evidence }, { lineWidth: 0 }).trimEnd().split('\n');
  return lines.map((line) => `  ${line}`);
}
