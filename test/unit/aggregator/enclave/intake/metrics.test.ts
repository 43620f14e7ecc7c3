import { expect } from 'chai';
import { MetricMeans } from '#enclave/intake/metrics.ts';

describe('metric means', () => {
  it('of nothing are none', () => {
    expect(new MetricMeans().means()).to.deep.equal({});
  });

  it('weigh each metric by those who reported it, in the order of the names', () => {
    const means = new MetricMeans();
    means.add({ loss: 1, accuracy: 0.5 }, 10);
    means.add({ loss: 4 }, 20);
    expect(means.means()).to.deep.equal({ accuracy: 0.5, loss: 3 });
    expect(Object.keys(means.means())).to.deep.equal(['accuracy', 'loss']);
  });
});
