import { expect } from 'chai';
import { chooseTrainer } from '#client/participant/trainer-choice.ts';
import { faultCode } from '#test/fakes/participant-run.ts';
import { fakeStudy, PARAMETER_COUNT } from '#test/fakes/participant-study.ts';
import { fakePlatform } from '#test/fakes/tee/enclave.ts';

describe('the choice of a trainer', () => {
  const dataset = { features: Float32Array.of(1, 2, 3, 4), labels: Float32Array.of(0, 1), rows: 2, featureCount: 2 };

  it('gives moments for any study of named tensors', async () => {
    const { study } = fakeStudy(await fakePlatform());
    const { trainer, description } = await chooseTrainer('moments', study, dataset);
    expect(description).to.include('moments');
    const global = new Float32Array(5);
    const { delta } = await trainer.train({ global, round: 1, signal: new AbortController().signal });
    expect(delta).to.deep.equal(Float32Array.of(2, 4, 6, 10, 20));
    trainer.dispose();
  });

  it('has no layers trainer for a study without a layers model', async () => {
    const { study } = fakeStudy(await fakePlatform());
    expect(study.layout.parameterCount).to.equal(PARAMETER_COUNT);
    expect(await faultCode(chooseTrainer('layers', study, dataset))).to.equal('CONFIG_INVALID');
  });
});
