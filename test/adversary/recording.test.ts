import { expect } from 'chai';
import { toBase64 } from '#shared/bytes/base64.ts';
import { concat, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { encodeMsgpack } from '#shared/codec/msgpack.ts';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import { HostileRelay } from '#test/fakes/aggregator/relay.ts';
import { changesFor, PARAMETERS, Scene } from '#test/fakes/aggregator/scene.ts';

const EXAMPLES = [70_001, 90_003] as const;
const LOSSES = [0.123_456_789_012_3, 4.151_592_653_589_7] as const;

/** Values of which no run of four occurs elsewhere by chance. */
function distinctive(seed: number): Float32Array {
  return Float32Array.from({ length: PARAMETERS }, (_, index) => Math.fround(Math.sin(seed * 1000 + index) * 0.037));
}

/** The forms in which a number could slip out. */
function formsOf(value: number): readonly (readonly [string, Uint8Array])[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bigEndian = new Uint8Array(view.buffer.slice(0));
  view.setFloat64(0, value, true);
  return [
    ['float64', bigEndian],
    ['little-endian float64', new Uint8Array(view.buffer)],
    ['msgpack', encodeMsgpack(value)],
    ['text', utf8(String(value))],
  ];
}

function bytesOf(values: Float32Array, from: number): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset + 4 * from, 16);
}

describe('everything that leaves the participants and the enclave, recorded by the host', function () {
  this.timeout(20_000);
  const secrets: (readonly [string, Uint8Array])[] = [];
  let recorded: Buffer;

  before(async () => {
    const enclave = await EnclaveUnderTest.start(['--chunk-kib', '1']);
    const relay = await HostileRelay.start(enclave.folder, enclave.socketPath);
    const aggregation = {
      weighting: { kind: 'examples', maximum: 100_000 },
      examples: { minimum: 1, maximum: 100_000 },
    };
    const scene = await Scene.open(enclave, { url: relay.url, participants: 2, rounds: { count: 1 }, aggregation });
    for (const index of [0, 1] as const) {
      const [values, examples, loss] = [distinctive(index + 1), EXAMPLES[index], LOSSES[index]];
      const person = await scene.person(index);
      const changes = { ...changesFor({ value: 0, examples, loss }), values };
      expect(await person.upload(person.sealer(await scene.opening(index, 1), changes))).to.equal('receipt');
      for (const at of [0, 257, PARAMETERS - 4]) secrets.push([`values of update ${index}`, bytesOf(values, at)]);
      for (const [form, bytes] of [...formsOf(examples), ...formsOf(loss)])
        secrets.push([`${form} of update ${index}`, bytes]);
    }
    const { weights, metrics } = await scene.release(1);
    secrets.push(['weights of the release', bytesOf(weights, 0)], ['weights of the release', bytesOf(weights, 500)]);
    for (const [form, bytes] of formsOf(metrics.loss ?? 0)) secrets.push([`${form} of the mean metric`, bytes]);
    for (const { id, identity, release } of scene.study.participants) {
      secrets.push([`identity key of ${id}`, identity.secretKey], [`release key of ${id}`, release.secretKey]);
    }
    secrets.push(['key of the coordinator', scene.study.coordinator.secretKey]);
    scene.leave();
    await relay.stop();
    recorded = Buffer.from(concat(...relay.bytes, ...enclave.crossed));
    await enclave.stop();
  });

  it('is not empty: it holds what is public', () => {
    expect(recorded.includes('cloister.v1')).to.equal(true);
    expect(recorded.length).to.be.greaterThan(20_000);
  });

  it('holds no value of an update, no example count, no metric, no weight and no secret key', () => {
    expect(secrets).to.have.length.greaterThan(25);
    for (const [what, bytes] of secrets) expect(recorded.includes(Buffer.from(bytes)), what).to.equal(false);
  });

  it('holds none of them as hexadecimal or base64 either', () => {
    for (const [what, bytes] of secrets) {
      if (bytes.length < 8) continue;
      expect(recorded.includes(toHex(bytes)), what).to.equal(false);
      expect(recorded.includes(toBase64(bytes).slice(0, 10)), what).to.equal(false);
    }
  });
});
