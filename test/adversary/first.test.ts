import { expect } from 'chai';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import { ScriptedParticipant } from '#test/fakes/aggregator/participant.ts';
import { makeStudy } from '#test/fakes/aggregator/study.ts';

describe('a whole study through the real enclave', () => {
  it('publishes release 0 and one release a round, each moved by the bounded weighted mean', async () => {
    const enclave = await EnclaveUnderTest.start();
    const { pcr0, rootSha256 } = enclave.enclave;
    const study = makeStudy({ pcr0, rootSha256 });
    await enclave.offer(study);
    const url = `ws+unix:${enclave.socketPath}:/`;
    const people = await Promise.all([0, 1, 2].map((index) => ScriptedParticipant.join(url, study, index)));
    expect(await enclave.handIn(await enclave.command(study, 'start'))).to.include({ accepted: true });
    for (let round = 1; round <= 2; round++) {
      const answers = await Promise.all(
        people.map(async (person) => person.upload(person.sealer(await person.opening()))),
      );
      expect(answers).to.deep.equal(['receipt', 'receipt', 'receipt']);
    }
    await enclave.next('command-done');
    expect(enclave.releases.map(({ round }) => round)).to.deep.equal([0, 1, 2]);
    await enclave.stop();
  });
});
