import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { loadTensors } from '#enclave/aggregation/tensors.ts';

describe('loadTensors', () => {
  it('computes on native TensorFlow where it is installed, else on WebAssembly, and says why', async () => {
    const tensors = await loadTensors();
    if (tensors.name === 'tfjs-node') {
      expect(tensors.nativeDeclined).to.equal(undefined);
      expect(tf.getBackend()).to.equal('tensorflow');
    } else {
      expect(tensors.nativeDeclined).to.match(/^@tensorflow\/tfjs-node (is not installed|fails to load)/);
      expect(tf.getBackend()).to.equal('wasm');
    }
  });

  it('can be called again and gives the same backend', async () => {
    expect((await loadTensors()).name).to.equal((await loadTensors()).name);
  });

  it('leaves no process-wide listener behind', async () => {
    const before = [process.listenerCount('uncaughtException'), process.listenerCount('unhandledRejection')];
    await loadTensors();
    expect([process.listenerCount('uncaughtException'), process.listenerCount('unhandledRejection')]).to.deep.equal(
      before,
    );
  });

  it('answers whoever asks it for a file afterwards with BACKEND_MISSING', async () => {
    const tensors = await loadTensors();
    if (tensors.name === 'tfjs-node') return;
    const outcome = await tf
      .env()
      .platform.fetch('https://example.org/weights')
      .catch((error: unknown) => error);
    expect(outcome).to.include({ code: 'BACKEND_MISSING' });
  });
});

describe('addQuotient', () => {
  it('leaves no tensor behind and frees what it read', async () => {
    const tensors = await loadTensors();
    const model = new Float32Array(600_000).fill(1);
    const before = tf.memory().numTensors;
    tensors.addQuotient(model, new Float32Array(600_000).fill(3), 4);
    expect(tf.memory().numTensors).to.equal(before);
    expect(model.every((value) => value === 1.75)).to.equal(true);
  });
});
