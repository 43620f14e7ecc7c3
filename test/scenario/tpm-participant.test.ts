import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Fault } from '#shared/fault/fault.ts';
import { PARAMETERS } from '#test/fakes/aggregator/scene.ts';
import { WholeAggregator, type WholeStudy } from '#test/fakes/aggregator/whole-study.ts';
import { MeasuredServer, requireSwtpm } from '#test/fakes/tee/swtpm.ts';

const SOFTWARE = 'the trainer of the study';

describe('a study in which one participant has to show what it runs, by a TPM', function () {
  this.timeout(30_000);
  let folder: string;
  let aggregator: WholeAggregator;
  let whole: WholeStudy;
  let server: MeasuredServer;
  const servers: MeasuredServer[] = [];
  const boot = async (tpm: string, software: string): Promise<MeasuredServer> => {
    const booted = await MeasuredServer.boot(join(folder, tpm), software);
    servers.push(booted);
    return booted;
  };

  before(async function () {
    requireSwtpm(this);
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    aggregator = await WholeAggregator.launch('aws-nitro');
    server = await boot('enrolled', SOFTWARE);
    const participantFields = (index: number) => (index === 0 ? { evidence: server.policy } : {});
    whole = await aggregator.serve({
      participants: 2,
      rounds: { count: 1 },
      parameters: PARAMETERS,
      participantFields,
    });
  });
  after(async () => {
    await Promise.all(servers.map((each) => each.shutDown()));
    await aggregator?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function refusal(tpm: string, software: string): Promise<unknown> {
    const { attester } = await boot(tpm, software);
    return whole.takePart(0, { value: 1, attester }).catch((error: unknown) => error);
  }

  it('refuses the enrolled TPM when other software was measured into its registers', async () => {
    const outcome = await refusal('enrolled', 'something else');
    expect(outcome).to.be.instanceOf(Fault).with.property('code', 'PEER_REFUSED');
    expect(outcome).to.have.property('message').that.includes('PARTICIPANT_EVIDENCE_REFUSED');
  });

  it('refuses the right software behind an attestation key that is not enrolled', async () => {
    const outcome = await refusal('another', SOFTWARE);
    expect(outcome).to.be.instanceOf(Fault).with.property('code', 'PEER_REFUSED');
    expect(outcome).to.have.property('message').that.includes('PARTICIPANT_EVIDENCE_REFUSED');
  });

  it('refuses a genuine quote that was made for another session', async () => {
    const attester = { evidenceFor: () => server.attester.evidenceFor(new Uint8Array(64)) };
    const outcome = await whole.takePart(0, { value: 1, attester }).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(Fault).with.property('code', 'PEER_REFUSED');
  });

  it('admits the enrolled server with the software that the manifest names, and counts its update', async () => {
    const taking = [whole.takePart(0, { value: 1, attester: server.attester }), whole.takePart(1, { value: 4 })];
    await whole.start();
    for (const weights of await Promise.all(taking)) {
      expect(weights).to.deep.equal(new Float32Array(PARAMETERS).fill(2.5));
    }
  });
});
