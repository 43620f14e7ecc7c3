import { DEVICE_DEFAULT, openOwnDevice } from '#client/participant/attester.ts';
import type { ParticipantAttester } from '#client/sdk/index.ts';
import type { StudyParticipant } from '#shared/study/study.ts';
import { readCache } from './endorsement-cache.ts';
import type { CliContext } from './runtime.ts';
import { SETTINGS } from './settings.ts';

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
 * @throws Fault - CONFIG_INVALID; ATTESTER_MISSING when there is no device here
 */
export async function ownDeviceOf(
  context: CliContext,
  { evidence }: StudyParticipant,
): Promise<ParticipantAttester | undefined> {
  return evidence === undefined ? undefined : openDevice(context);
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
