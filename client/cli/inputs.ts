import { type LoadedStudy, loadStudy } from '#client/coordinator/load-study.ts';
import { loadPolicy } from '#client/evidence/policy-file.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { attestReleaseBy } from '#shared/release/attest-release.ts';
import { SIGNED_STUDY_BYTES_MAX } from '#shared/study/signed-study.ts';
import { readInput } from './input-file.ts';
import type { CliContext } from './runtime.ts';
import { SETTINGS } from './settings.ts';

const POLICY_BYTES_MAX = 64 * 1024;

/** The study of `file`, or of the setting `study` when a command was given none. */
export async function studyOf(context: CliContext, file?: string): Promise<LoadedStudy> {
  const path = file ?? context.settings.need(SETTINGS.study);
  return loadStudy(await readInput(path, SIGNED_STUDY_BYTES_MAX), context.crypto);
}

/** The policies of `--policy`; none when it was not given. */
export async function policiesOf({ settings }: CliContext): Promise<readonly AppraisalPolicy[]> {
  return Promise.all((settings.get(SETTINGS.policy) ?? []).map(policyIn));
}

/** The policy of a file. @throws Fault `CONFIG_INVALID` when it cannot be read, `POLICY_INVALID` */
export async function policyIn(file: string): Promise<AppraisalPolicy> {
  return loadPolicy(await readInput(file, POLICY_BYTES_MAX), file);
}

/** How releases are attested: by the manifest's policy and all of `--policy`. */
export async function releaseAttester(
  context: CliContext,
  { study }: LoadedStudy,
): Promise<ReturnType<typeof attestReleaseBy>> {
  return attestReleaseBy([study.policy, ...(await policiesOf(context))], context.crypto);
}

/** What every screen says when a proof rests on no hardware. */
export const EMULATED = 'EMULATED: the evidence rests on no hardware; nothing protects the enclave from its operator';
