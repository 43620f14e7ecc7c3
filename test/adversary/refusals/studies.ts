import { expect } from 'chai';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { participantReportData } from '#shared/protocol/handshake.ts';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import { flipped } from '#test/fakes/aggregator/flipped.ts';
import { type Misdeeds, ScriptedParticipant } from '#test/fakes/aggregator/participant.ts';
import { ParticipantDevice } from '#test/fakes/aggregator/participant-device.ts';
import { changesFor, HONEST, meanOf, PARAMETERS, Scene } from '#test/fakes/aggregator/scene.ts';
import { makeStudy, type TestStudy } from '#test/fakes/aggregator/study.ts';
import type { Stage } from './stage.ts';

/** A participant that has to show evidence. */
export function evidenceRefusals(stage: Stage): void {
  let device: ParticipantDevice;
  let study: TestStudy;

  before(async () => {
    device = await ParticipantDevice.create();
    const { pcr0, rootSha256 } = stage.enclave.enclave;
    const participantFields = (index: number) => (index === 0 ? { evidence: device.policy() } : {});
    study = makeStudy({ pcr0, rootSha256, name: 'with-evidence', participantFields });
    await stage.enclave.offer(study);
  });

  const reportData = (th1: Uint8Array): Uint8Array => {
    const [participant] = study.study.participants;
    if (participant === undefined) throw new Error('the study has participants');
    return participantReportData(participant.identityKey, study.study.digest, th1, nodeCrypto);
  };
  const attempt = async (misdeeds: Misdeeds) =>
    (await ScriptedParticipant.connect(stage.enclave.url, study)).refusedHandshake(misdeeds);

  it('admits who shows evidence for this very session', async () => {
    const person = await ScriptedParticipant.connect(stage.enclave.url, study);
    await person.handshake({ evidence: (th1) => device.evidence(reportData(th1)) });
    person.leave();
  });

  const cases: readonly (readonly [string, () => Misdeeds])[] = [
    ['none at all', () => ({})],
    ['evidence of another session', () => ({ evidence: () => device.evidence(reportData(new Uint8Array(32))) })],
    [
      'evidence of other code',
      () => ({ evidence: (th1) => device.evidence(reportData(th1), {}, new Uint8Array(48).fill(1)) }),
    ],
    [
      'evidence altered after it was signed',
      () => ({
        evidence: (th1) => device.evidence(reportData(th1), { alterSignature: (signature) => flipped(signature, 7) }),
      }),
    ],
    [
      'evidence under another root',
      () => ({ evidence: async (th1) => (await ParticipantDevice.create()).evidence(reportData(th1)) }),
    ],
    [
      'evidence of an unknown platform',
      () => ({ evidence: async (th1) => ({ ...(await device.evidence(reportData(th1))), platform: 'abacus' }) }),
    ],
    ['bytes that are no evidence', () => ({ evidence: async () => ({ ...EMPTY_EVIDENCE }) })],
  ];
  for (const [title, misdeeds] of cases) {
    it(`PARTICIPANT_EVIDENCE_REFUSED for ${title}`, async () => {
      stage.provoked(await attempt(misdeeds()), 'PARTICIPANT_EVIDENCE_REFUSED');
    });
  }
}

const EMPTY_EVIDENCE = { platform: 'aws-nitro', document: new Uint8Array(4), endorsements: [] };

/** A cohort that is smaller than the study. */
export function cohortRefusals(stage: Stage): void {
  it('COHORT_EXCLUDED for a participant that was not drawn, and the cohort finishes the round', async () => {
    const rounds = { count: 1, cohort: 2 };
    const scene = await Scene.open(stage.enclave, { name: 'small-cohort', rounds });
    const people = await Promise.all([0, 1, 2].map((index) => scene.person(index)));
    const waiting = new Map(people.map((person, at) => [at, person.opening().then((opening) => ({ at, opening }))]));
    const first = await Promise.race(waiting.values());
    waiting.delete(first.at);
    const second = await Promise.race(waiting.values());
    waiting.delete(second.at);
    const [last] = [...waiting];
    if (last === undefined) throw new Error('nobody is left out');
    const [excluded, never] = last;
    never.catch(() => undefined);
    const refusal = await scene.contribute(excluded, first.opening, { value: 50, examples: 50 });
    stage.provoked(refusal === 'receipt' ? refusal : refusal.code, 'COHORT_EXCLUDED');
    const [one, two] = HONEST;
    expect(await scene.contribute(first.at, first.opening, one)).to.equal('receipt');
    expect(await scene.contribute(second.at, second.opening, two)).to.equal('receipt');
    const { weights, statement } = await scene.release(1);
    expect(weights).to.deep.equal(new Float32Array(PARAMETERS).fill(meanOf(HONEST)));
    expect(statement).to.include({ cohortSize: 2, contributions: 2 });
    scene.leave();
  });
}

/** An enclave with bounds so small that they are reached, which is then told to stop. */
export function stoppingRefusals(stage: Stage): void {
  it('takes no connection above its bound, and ends the others with SERVER_STOPPING', async () => {
    const enclave = await EnclaveUnderTest.start(['--connections', '2', '--staging-mib', '1']);
    const scene = await Scene.open(enclave, { joining: [0, 1], rounds: { count: 1 } });
    const third = ScriptedParticipant.connect(scene.url, scene.study, 2);
    expect(
      await third.then(
        () => 'a place',
        () => 'no place',
      ),
    ).to.equal('no place');
    const people = await Promise.all([0, 1].map((index) => scene.person(index)));
    const codes = Promise.all(people.map((person) => person.closing()));
    await enclave.stop();
    for (const code of await codes) stage.provoked(code, 'SERVER_STOPPING');
  });

  it('refuses an update that was sealed for the round of another study', async () => {
    const scene = await Scene.open(stage.enclave, { name: 'twin', rounds: { count: 1 } });
    const opening = await scene.opening(0, 1);
    const other = await stage.scene.person(0);
    const refusal = await other.upload(other.sealer(opening, changesFor(HONEST[0])));
    expect(refusal === 'receipt' ? refusal : refusal.code).to.be.oneOf(['STUDY_WRONG', 'ROUND_CLOSED', 'ROUND_WRONG']);
    scene.leave();
  });
}
