import type { Command } from 'commander';
import { attestHost } from '#client/coordinator/attest-host.ts';
import { type CommandJob, HostApi } from '#client/coordinator/host-api.ts';
import { buildOrder, followOrder } from '#client/coordinator/order.ts';
import { openStatus, type StudyStatus } from '#client/coordinator/study-status.ts';
import { decodeServedEvidence } from '#client/evidence/evidence-file.ts';
import { systemClock } from '#client/sdk/clock.ts';
import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { CommandName } from '#shared/study/command.ts';
import type { Study } from '#shared/study/study.ts';
import { EMULATED, policiesOf, studyOf } from '../inputs.ts';
import { readCoordinatorKeys } from '../key-store.ts';
import { pairs } from '../output.ts';
import { type CliContext, type CliRuntime, withSettings } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';

const WAIT_SECONDS_DEFAULT = 60;

/** Subcommands that send a command to the enclave. */
const ORDERS: readonly { readonly name: string; readonly command: CommandName; readonly help: string }[] = [
  { name: 'launch', command: 'start', help: 'start the rounds of a study' },
  {
    name: 'pause',
    command: 'pause',
    help: 'abandon the open attempt and open no other until resume; what was trained is kept',
  },
  { name: 'resume', command: 'resume', help: 'go on after a pause' },
  { name: 'stop', command: 'stop', help: 'end the study now; the newest release stays' },
];

const HELP = `
The enclave behind the host is attested first: by the policy of the manifest and by every --policy of your own.
The signed command names that very enclave and expires after ten minutes.`;

/** `cloister study launch|pause|resume|stop|status` */
export function mountStudyOrders(study: Command, runtime: CliRuntime): void {
  for (const { name, command, help } of ORDERS) {
    withSettings(study.command(name), SETTINGS.host, SETTINGS.key, SETTINGS.policy, SETTINGS.waitSeconds)
      .description(help)
      .argument('[manifest]', 'manifest file, plain or signed [CLOISTER_STUDY]')
      .addHelpText('after', HELP)
      .action(runtime.action((context) => order(context, command)));
  }
  withSettings(study.command('status'), SETTINGS.host, SETTINGS.policy)
    .description('show how far a study is, as the attested enclave signed it')
    .argument('[manifest]', 'manifest file, plain or signed [CLOISTER_STUDY]')
    .action(runtime.action(showStatus));
}

async function order(context: CliContext, command: CommandName): Promise<void> {
  const { settings, crypto, output, signal } = context;
  const { study } = await studyOf(context, context.args[0]);
  const keys = await readCoordinatorKeys(settings.need(SETTINGS.key), crypto);
  const host = new HostApi(settings.need(SETTINGS.host), signal);
  const attested = await attest(context, host, study);
  const clock = { ...systemClock, wallMs: context.nowMs };
  const envelope = buildOrder(command, {
    attested,
    coordinatorSecretKey: keys.signing.secretKey,
    crypto,
    clock,
  });
  const id = await host.postCommand(envelope);
  output.note(`command ${command} sent, job ${id}`);
  const waitMs = (settings.get(SETTINGS.waitSeconds) ?? WAIT_SECONDS_DEFAULT) * 1000;
  const job = await followOrder(host, id, { clock, waitMs, signal, onChange: (now) => output.note(jobWords(now)) });
  output.show({
    json: { command, job: id, state: job.state, emulated: attested.emulated },
    text: () => [
      job.state === 'completed'
        ? `${command}: done`
        : `${command}: ${job.state}; see how far it is with: cloister study status`,
    ],
  });
}

async function showStatus(context: CliContext): Promise<void> {
  const { settings, crypto, output, signal } = context;
  const { study } = await studyOf(context, context.args[0]);
  const host = new HostApi(settings.need(SETTINGS.host), signal);
  const attested = await attest(context, host, study);
  const found = openStatus(await host.status(study.digest), attested, crypto);
  output.show({ json: { ...found, emulated: attested.emulated }, text: () => statusLines(found) });
}

async function attest(context: CliContext, host: HostApi, study: Study): Promise<AttestedAggregator> {
  const { crypto, nowMs, output } = context;
  const served = decodeServedEvidence(await host.evidence(study.digest));
  const policies = await policiesOf(context);
  const attested = await attestHost(served, { study, policies, atMs: nowMs(), crypto });
  if (attested.emulated) output.warn(EMULATED);
  output.note(`attested enclave ${toHex(crypto.digest('sha256', attested.signingKey)).slice(0, 16)}…`);
  return attested;
}

/** The job in few words; its progress comes from the host and is shown as a hint only. */
function jobWords({ state, progress }: CommandJob): string {
  const known: Partial<Record<'round' | 'rounds', unknown>> =
    typeof progress === 'object' && progress !== null ? progress : {};
  const { round, rounds } = known;
  return typeof round === 'number' && typeof rounds === 'number' ? `${state}: round ${round} of ${rounds}` : state;
}

function statusLines(status: StudyStatus): readonly string[] {
  const refusals = Object.entries(status.refusals).map(([code, count]) => `${code} ${count}`);
  return pairs([
    ['study', status.name],
    ['phase', status.phase],
    ['round', `${status.round} of ${status.rounds}${status.attempt > 1 ? `, attempt ${status.attempt}` : ''}`],
    ['connected', String(status.connected)],
    ['received', `${status.received} of ${status.cohort}`],
    ['refusals', refusals.join(', ') || 'none'],
    ['release', status.release ?? 'none yet'],
    ['enclave', status.instance],
  ]);
}
