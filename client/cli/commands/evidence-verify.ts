import type { Command } from 'commander';
import { appraiseServed } from '#client/coordinator/attest-host.ts';
import { withCached } from '#client/endorsements/choose.ts';
import {
  type AppraisedEvidence,
  appraiseEvidence,
  bindingReasons,
  type RequiredBinding,
} from '#client/evidence/appraise-evidence.ts';
import type { EvidenceFile } from '#client/evidence/evidence-file.ts';
import { eatOf } from '#shared/attestation/eat.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import { explainPassed, explainRefusal } from '#shared/attestation/explain.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { Reason, ReasonCode } from '#shared/attestation/reasons.ts';
import { Fault } from '#shared/fault/fault.ts';
import { readCache } from '../endorsement-cache.ts';
import { hexFlag, knownEvidenceIn, readEvidence, statedTimeMs } from '../evidence-input.ts';
import { EXIT } from '../exit-code.ts';
import { policiesOf, studyOf } from '../inputs.ts';
import { type CliContext, type CliRuntime, textFlag, withSettings } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';
import { verifyVector } from './evidence-vector.ts';

/** Checks that fail for want of what a vendor publishes. */
const FETCHABLE: readonly ReasonCode[] = [
  'ENDORSEMENT_MISSING',
  'COLLATERAL_MISSING',
  'COLLATERAL_EXPIRED',
  'CRL_MISSING',
  'CRL_EXPIRED',
];

const HELP = `
With --study, evidence that a host served must be bound to that study and hold under the manifest's policy and every
--policy. With --participant as well, evidence of that participant's machine is judged by what the manifest demands of
it. Without a study, any evidence is judged by every --policy alone. --nonce and --report-data say what it must hold.

--vector takes the folder <platform>/<sample> of a collection of test vectors instead, and judges it by the policy of
the collection (production mode, TCB up to date, CRLs fresh where they are asked for, pinned roots). The time is --at,
else that of the first verdict of expected.json, else now. Collateral, CRL and further roots are those of the verdict
of that time; where there is none, the collateral-DATE.json of the latest date by then (else the earliest) and crl.der
unless it was published later. expected.json may be missing. Exit code 0 for accept, 3 for reject.`;

/** `cloister evidence verify` */
export function mountVerify(evidence: Command, runtime: CliRuntime): void {
  withSettings(evidence.command('verify'), SETTINGS.study, SETTINGS.policy, SETTINGS.endorsements)
    .description('verify evidence and appraise it by the manifest and by every --policy')
    .argument('[file]', 'evidence as a host serves it, or in the portable form (docs/cli.md)')
    .option('--at <time>', 'judge as of this time, such as 2026-11-22T12:00:00Z (default: now)')
    .option('--nonce <hex>', "require this nonce in the platform's own nonce field")
    .option('--report-data <hex>', 'require this report data')
    .option('--participant <id>', 'with --study: this is the evidence of a participant, by what the manifest demands')
    .option('--vector <folder>', 'judge a sample of a collection of test vectors instead')
    .option('--platform <name>', 'with --vector: the platform, where the folder does not say it')
    .addHelpText('after', HELP)
    .action(
      runtime.action((context) => (textFlag(context.flags, 'vector') === undefined ? verify : verifyVector)(context)),
    );
}

async function verify(context: CliContext): Promise<void> {
  const { output, args, flags } = context;
  const path = args[0];
  if (path === undefined) throw new Fault('CONFIG_INVALID', 'name an evidence file, or a folder with --vector');
  if (textFlag(flags, 'platform') !== undefined) {
    throw new Fault(
      'CONFIG_INVALID',
      '--platform goes with --vector; an evidence file says itself of which platform it is',
    );
  }
  const { reasons, claims, asked } = await judged(context, await readEvidence(path));
  const passed = reasons.length === 0 && claims !== undefined;
  const explanation = passed ? explainPassed(claims, asked) : explainRefusal(reasons, claims);
  const eat = claims === undefined ? null : eatOf(claims);
  output.show({
    json: {
      ok: passed,
      emulated: claims?.root.emulated ?? false,
      reasons,
      measurements: claims?.measurements ?? {},
      claims: eat,
      explanation,
    },
    text: () => [...explanation, ...(eat === null ? [] : ['', ...JSON.stringify(eat, undefined, 2).split('\n')])],
  });
  for (const hint of hintsOn(reasons, path)) output.note(hint);
  if (!passed) context.exitWith(EXIT.refused);
}

/** What to do about what is missing, rather than wrong. */
function hintsOn(reasons: readonly Reason[], path: string): readonly string[] {
  const codes = new Set(reasons.map(({ code }) => code));
  const fetched = `cloister endorsements fetch --for ${path} --folder FOLDER`;
  return [
    ...(codes.has('POLICY_MISSING') ? ['Name a policy with --policy, or the study that it is for with --study.'] : []),
    ...(FETCHABLE.some((code) => codes.has(code))
      ? [`Where it is the vendor's to give: ${fetched}, then verify with --endorsements FOLDER.`]
      : []),
  ];
}

/** A judgement, and in a sentence what the evidence was asked with. */
type Judged = AppraisedEvidence & { readonly asked: string };

async function judged(context: CliContext, { evidence: shown, keys }: EvidenceFile): Promise<Judged> {
  const { crypto, nowMs, settings } = context;
  const atMs = statedTimeMs(context) ?? nowMs();
  const evidence = await withEndorsements(knownEvidenceIn(shown), atMs, context);
  const policies = await policiesOf(context);
  const binding = {
    nonce: hexFlag(context, 'nonce', '--nonce'),
    reportData: hexFlag(context, 'reportData', '--report-data'),
  };
  const participant = textFlag(context.flags, 'participant');
  if (participant !== undefined) {
    const demanded = [await demandedOf(participant, context), ...policies];
    const appraised = await appraiseEvidence(evidence, { policies: demanded, binding, atMs, crypto });
    return { ...appraised, asked: askedWith(binding) };
  }
  if (keys === undefined || settings.get(SETTINGS.study) === undefined) {
    if (settings.get(SETTINGS.study) !== undefined && policies.length === 0) throw unboundFile();
    const appraised = await appraiseEvidence(evidence, { policies, binding, atMs, crypto });
    return { ...appraised, asked: askedWith(binding) };
  }
  const { study } = await studyOf(context);
  const result = await appraiseServed({ ...evidence, ...keys }, { study, policies, atMs, crypto });
  const claims = result.kind === 'attested' ? result.aggregator.claims : result.claims;
  const failed = result.kind === 'attested' ? [] : result.reasons;
  const unbound = claims === undefined ? [] : bindingReasons(claims, binding);
  return {
    claims,
    reasons: [...failed, ...unbound],
    asked: 'It is bound to the study, and was not asked with a nonce of ours.',
  };
}

/** The policy of the manifest for one of its participants. */
async function demandedOf(id: string, context: CliContext): Promise<AppraisalPolicy> {
  const { study } = await studyOf(context);
  const found = study.participants.find((participant) => participant.id === id);
  if (found === undefined) {
    const known = study.participants.map((participant) => participant.id).join(', ');
    throw new Fault('CONFIG_INVALID', `--participant: found ${id.slice(0, 40)}, expected one of ${known}`);
  }
  if (found.evidence !== undefined) return found.evidence;
  throw new Fault('CONFIG_INVALID', `--participant: the manifest demands no evidence of ${found.id}`);
}

function unboundFile(): Fault {
  const words = 'the file holds no keys of an enclave, so nothing can bind it to the study';
  const advice = 'expected one of `cloister evidence fetch`, --participant for the evidence of one, or a --policy';
  return new Fault('CONFIG_INVALID', `${words}; ${advice}`);
}

/** Adds what `--endorsements` holds and the evidence came without. */
async function withEndorsements(evidence: Evidence, atMs: number, { settings, crypto }: CliContext): Promise<Evidence> {
  const folder = settings.get(SETTINGS.endorsements);
  if (folder === undefined) return evidence;
  const cached = await readCache(folder);
  return withCached(
    evidence,
    cached.map(({ endorsement }) => endorsement),
    { atMs, crypto },
  );
}

function askedWith({ nonce, reportData }: RequiredBinding): string {
  if (nonce === undefined && reportData === undefined) {
    return 'Neither a nonce nor report data was required of it: it may be a replay, or be bound to something else.';
  }
  const held = [nonce === undefined ? [] : ['nonce'], reportData === undefined ? [] : ['report data']].flat();
  return `It holds the ${held.join(' and the ')} that was required.`;
}
