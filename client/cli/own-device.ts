import { appraiseEvidence } from '#client/evidence/appraise-evidence.ts';
import { DEVICE_DEFAULT, openOwnDevice } from '#client/participant/attester.ts';
import type { ParticipantAttester } from '#client/sdk/index.ts';
import { explainRefusal } from '#shared/attestation/explain.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { StudyParticipant } from '#shared/study/study.ts';
import { readCache } from './endorsement-cache.ts';
import type { CliContext } from './runtime.ts';
import { SETTINGS } from './settings.ts';

/** Length of what evidence is bound to. */
export const REPORT_DATA_BYTES = 64;

/** The settings of the device that vouches for a participant's machine. */
export const DEVICE_SETTINGS = [
  SETTINGS.attester,
  SETTINGS.device,
  SETTINGS.vmpl,
  SETTINGS.tpmKey,
  SETTINGS.tpmTcti,
  SETTINGS.tpmEventLog,
  SETTINGS.audience,
  { ...SETTINGS.endorsements, help: "folder of endorsements to go along with this machine's evidence" },
] as const;

/**
 * The device of this machine where the manifest demands evidence of this participant; `undefined` where it does not.
 * Warns when the manifest does not accept what it gives.
 * @throws Fault - CONFIG_INVALID; ATTESTER_MISSING when there is no device here
 */
export async function ownDeviceOf(
  context: CliContext,
  { id, evidence: policy }: StudyParticipant,
): Promise<ParticipantAttester | undefined> {
  if (policy === undefined) return undefined;
  const device = await openDevice(context);
  await foretell(device, { id, policy }, context);
  return device;
}

/** An enclave refuses evidence without saying why. What it would find is found here first. */
async function foretell(
  device: ParticipantAttester,
  { id, policy }: { readonly id: string; readonly policy: AppraisalPolicy },
  { crypto, nowMs, output }: CliContext,
): Promise<void> {
  const evidence = await device.evidenceFor(crypto.randomBytes(REPORT_DATA_BYTES));
  const binding = { nonce: undefined, reportData: undefined };
  const { reasons } = await appraiseEvidence(evidence, { policies: [policy], binding, atMs: nowMs(), crypto });
  if (reasons.length === 0) return;
  const words = explainRefusal(reasons, undefined).slice(1).join('\n  ');
  const advice = 'If this machine is as it should be, enrol it again: cloister evidence make';
  output.warn(`the manifest does not accept the evidence of this machine as that of ${id}:\n  ${words}\n${advice}`);
}

/**
 * The device that the settings name, else the first that is present.
 * @throws Fault - CONFIG_INVALID; ATTESTER_MISSING when there is no device here
 */
export async function openDevice({ settings, environment, crypto }: CliContext): Promise<ParticipantAttester> {
  const folder = settings.get(SETTINGS.endorsements);
  const cached = folder === undefined ? [] : (await readCache(folder)).map(({ endorsement }) => endorsement);
  const given = {
    device: settings.get(SETTINGS.device),
    vmpl: settings.get(SETTINGS.vmpl),
    tpmKey: settings.get(SETTINGS.tpmKey),
    tcti: settings.get(SETTINGS.tpmTcti) ?? environment['TPM2TOOLS_TCTI'],
    eventLog: settings.get(SETTINGS.tpmEventLog),
    audience: settings.get(SETTINGS.audience),
  };
  const name = settings.get(SETTINGS.attester) ?? DEVICE_DEFAULT;
  return openOwnDevice({ name, options: given, cached }, crypto, environment['PATH'] ?? '/usr/bin:/bin');
}
