import { expect } from 'chai';
import { layersTrainingOf } from '#client/trainer/layers-training.ts';
import { Fault } from '#shared/fault/fault.ts';

const SETTINGS = {
  epochs: 1,
  batchSize: 2,
  learningRate: 0.1,
  optimizer: 'sgd',
  loss: 'meanSquaredError',
  seed: 0,
} as const;

describe('layersTrainingOf', () => {
  it('takes settings that say everything', () => {
    expect(layersTrainingOf(SETTINGS)).to.deep.equal(SETTINGS);
  });

  it('refuses to assume what the manifest leaves out', () => {
    expect(() => layersTrainingOf()).to.throw(Fault, 'at least one is missing');
    for (const left of Object.keys(SETTINGS)) {
      const settings = Object.fromEntries(Object.entries(SETTINGS).filter(([name]) => name !== left));
      expect(() => layersTrainingOf(settings), left)
        .to.throw(Fault)
        .with.property('code', 'MANIFEST_INVALID');
    }
  });

  it('refuses a loss that it does not know, by name', () => {
    expect(() => layersTrainingOf({ ...SETTINGS, loss: 'hinge' })).to.throw(Fault, '"hinge"');
  });
});
