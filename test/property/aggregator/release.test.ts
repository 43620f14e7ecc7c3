import { expect } from 'chai';
import fc from 'fast-check';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import {
  type Contribution,
  changesFor,
  meanOf,
  type OpenedRelease,
  PARAMETERS,
  Scene,
} from '#test/fakes/aggregator/scene.ts';

const contribution = fc.record({
  value: fc.integer({ min: -50, max: 50 }),
  examples: fc.integer({ min: 1, max: 1000 }),
  loss: fc.double({ min: -10, max: 10, noNaN: true }),
});
/** What one participant may do before it behaves. */
const misdeed = fc.constantFrom('nan', 'examples', 'base', 'flipped', 'chunk twice', 'begin twice', 'left', 'nothing');

/** What float32 sums of whole-number products, divided once, can be off by. */
const TOLERANCE = 1e-4;

describe('releases of the real enclave', function () {
  this.timeout(60_000);
  let enclave: EnclaveUnderTest;
  let studies = 0;
  before(async () => {
    enclave = await EnclaveUnderTest.start(['--chunk-kib', '1']);
  });
  after(() => enclave.stop());

  /** One round in a study of its own: everybody contributes in turn, the first after `before`. */
  const release = async (given: readonly Contribution[], misdeeds: readonly string[] = []): Promise<OpenedRelease> => {
    studies += 1;
    if (studies % 15 === 0) {
      await enclave.stop();
      enclave = await EnclaveUnderTest.start(['--chunk-kib', '1']);
    }
    const scene = await Scene.open(enclave, { name: `study-${studies}`, rounds: { count: 1 } });
    for (const deed of misdeeds) await misbehave(scene, deed);
    for (const [index, each] of given.entries()) {
      const person = await scene.person(index);
      const sealer = person.sealer(await scene.opening(index, 1), changesFor(each));
      expect(await person.upload(sealer)).to.equal('receipt');
      // All but the last, whose receipt ends the round: the same header and the last chunk once more change nothing.
      if (index < given.length - 1) {
        person.sendRaw(await person.chunk(sealer, sealer.chunkCount - 1));
        expect(await person.begin(sealer)).to.equal('receipt');
      }
    }
    const opened = await scene.release(1);
    scene.leave();
    return opened;
  };

  it('are the bounded weighted mean of what was counted, and of its metrics', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(contribution, { minLength: 3, maxLength: 3 }), async (given) => {
        const { weights, metrics, contributions } = await release(given);
        const loss = meanOf(given.map(({ loss: value, examples }) => ({ value, examples })));
        for (const weight of weights) expect(weight).to.be.closeTo(meanOf(given), TOLERANCE);
        expect(metrics.loss).to.be.closeTo(loss, 1e-9);
        expect(contributions).to.equal(3);
      }),
      { numRuns: 8 },
    );
  });

  it('count an example count above the maximum as the maximum', async () => {
    const rest = [
      { value: 0, examples: 100, loss: 0 },
      { value: 0, examples: 100, loss: 0 },
    ];
    const { weights } = await release([{ value: 3, examples: 1000, loss: 0 }, ...rest]);
    expect(weights).to.deep.equal(new Float32Array(PARAMETERS).fill(1));
  });

  it('are the same, bit for bit, whatever was refused before', async () => {
    const given = [
      { value: 0.1, examples: 7, loss: 1 },
      { value: -0.7, examples: 55, loss: 2 },
      { value: 12.3, examples: 91, loss: 3 },
    ];
    const plain = await release(given);
    await fc.assert(
      fc.asyncProperty(fc.array(misdeed, { minLength: 1, maxLength: 4 }), async (misdeeds) => {
        const { weights, metrics, contributions } = await release(given, misdeeds);
        expect(Buffer.compare(Buffer.from(weights.buffer), Buffer.from(plain.weights.buffer))).to.equal(0);
        expect({ metrics, contributions }).to.deep.equal({ metrics: plain.metrics, contributions: 3 });
      }),
      { numRuns: 8 },
    );
  });
});

async function misbehave(scene: Scene, deed: string): Promise<void> {
  const person = await scene.join(0);
  const opening = await scene.opening(0, 1);
  const honest = changesFor({ value: 1000, examples: 100, loss: 9 });
  const spoilt = new Float32Array(PARAMETERS).fill(1000);
  spoilt[PARAMETERS - 1] = Number.NaN;
  const changes = {
    ...honest,
    ...(deed === 'nan' ? { values: spoilt } : {}),
    ...(deed === 'examples' ? { examples: 0 } : {}),
    ...(deed === 'base' ? { opening: { baseRelease: new Uint8Array(32) } } : {}),
  };
  const sealer = person.sealer(opening, changes);
  if (deed === 'nan' || deed === 'examples' || deed === 'base') {
    expect(await person.upload(sealer)).not.to.equal('receipt');
  } else if (deed !== 'nothing') {
    expect(await person.begin(sealer)).to.equal(0);
    for (let index = 0; index < sealer.chunkCount - 1; index++) person.sendRaw(await person.chunk(sealer, index));
    await disturb(person, sealer, deed);
  }
  // The next who plays the first participant opens a session of its own and asks for the opening anew.
  await scene.join(0);
}

async function disturb(
  person: Awaited<ReturnType<Scene['join']>>,
  sealer: ReturnType<typeof person.sealer>,
  deed: string,
) {
  const last = await person.chunk(sealer, sealer.chunkCount - 1);
  if (deed === 'flipped') {
    last[last.length - 1] = (last.at(-1) ?? 0) ^ 1;
    person.sendRaw(last);
    expect(await person.answer(sealer.updateId)).to.include({ code: 'UPDATE_REJECTED' });
  } else if (deed === 'chunk twice') {
    person.sendRaw(await person.chunk(sealer, 0));
    expect(await person.closing()).to.equal('CHUNK_REPEATED');
  } else if (deed === 'begin twice') {
    expect(await person.begin(sealer)).to.equal(sealer.chunkCount - 1);
  } else person.leave();
}
