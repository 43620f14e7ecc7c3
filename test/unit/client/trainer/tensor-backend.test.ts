import { expect } from 'chai';
import { type BackendCandidate, CANDIDATES, loadTensorBackend } from '#client/trainer/tensor-backend.ts';
import { Fault } from '#shared/fault/fault.ts';

const missing: BackendCandidate = {
  kind: 'native',
  name: 'tensorflow',
  load: () => Promise.reject(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })),
};
const broken: BackendCandidate = {
  kind: 'native',
  name: 'tensorflow',
  load: () => Promise.reject(new Error('libtensorflow.so.2: wrong ELF class\nstack')),
};
const wasm = CANDIDATES.filter(({ kind }) => kind === 'wasm');

describe('loadTensorBackend', () => {
  it('loads a backend that is not the plain JavaScript one, and names it', async () => {
    const { tf, kind, description } = await loadTensorBackend();
    expect(tf.getBackend()).to.equal(kind === 'native' ? 'tensorflow' : 'wasm');
    expect(description).to.include(kind);
  });

  it('falls back to WebAssembly and says why, where native is absent or broken', async () => {
    expect((await loadTensorBackend([missing, ...wasm])).description).to.match(/ wasm \(native: not installed\)$/);
    expect((await loadTensorBackend([broken, ...wasm])).description).to.match(
      /wasm \(native: libtensorflow.so.2: wrong ELF class\)$/,
    );
  });

  it('fails with the reason of each, rather than computing on the plain JavaScript backend', async () => {
    const failure = await loadTensorBackend([missing, broken]).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Fault).with.property('code', 'BACKEND_MISSING');
    expect(failure).to.have.property('message').that.includes('not installed; native: libtensorflow');
  });

  it('fails where a backend loads but does not start', async () => {
    const { tf } = await loadTensorBackend(wasm);
    tf.registerBackend('never-starts', () => {
      throw new Error('no such device');
    });
    try {
      const failure = await loadTensorBackend([{ kind: 'native', name: 'never-starts', load: async () => {} }]).catch(
        (error: unknown) => error,
      );
      expect(failure).to.be.instanceOf(Fault).with.property('code', 'BACKEND_MISSING');
    } finally {
      tf.removeBackend('never-starts');
      await loadTensorBackend();
    }
  });
});
