import { expect } from 'chai';
import { FRAME_KIND, plainFrame } from '#shared/protocol/frames.ts';
import { decodeHello, encodeHello } from '#shared/protocol/handshake.ts';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import { flipped } from '#test/fakes/aggregator/flipped.ts';
import { ScriptedParticipant, SessionEnded } from '#test/fakes/aggregator/participant.ts';
import { type Conduct, type Direction, HostileRelay, honest } from '#test/fakes/aggregator/relay.ts';
import { type Contribution, changesFor, HONEST, PARAMETERS, Scene } from '#test/fakes/aggregator/scene.ts';

const VICTIM = 0;
const HELD = { name: 'held', body: { release: new Uint8Array(32) } } as const;

/** Does `deed` to the first message of this kind and direction in the newest session; passes on all others. */
function once(kind: number, direction: Direction, deed: Conduct): Conduct {
  let done = false;
  return (passing) => {
    if (done || passing.direction !== direction || passing.payload[0] !== kind) return [passing.payload];
    done = true;
    return deed(passing);
  };
}

describe('a hostile relay', function () {
  this.timeout(10_000);
  let enclave: EnclaveUnderTest;
  let relay: HostileRelay;
  let scene: Scene;
  let round = 0;

  before(async () => {
    enclave = await EnclaveUnderTest.start(['--chunk-kib', '1']);
    relay = await HostileRelay.start(enclave.folder, enclave.socketPath);
    scene = await Scene.open(enclave, { url: relay.url, participants: 2, rounds: { count: 1000 } });
  });
  after(async () => {
    scene.leave();
    await relay.stop();
    await enclave.stop();
  });

  /** After the attack the relay behaves, and the round ends as if nothing had been. */
  const during = async (attack: () => Promise<void>): Promise<void> => {
    round += 1;
    let failure: unknown;
    const { weights } = await scene.round(round, async () => {
      failure = await attack().then(
        () => undefined,
        (cause: unknown) => cause,
      );
      relay.conduct = honest;
      await scene.join(VICTIM);
      const none: readonly Contribution[] = [];
      return none;
    });
    // The round was finished all the same, so that the next test has one.
    if (failure !== undefined) throw failure;
    expect(weights).to.deep.equal(new Float32Array(PARAMETERS).fill(scene.expected));
    expect(scene.releasesOf(round)).to.have.length(1);
  };
  const enclaveEnds = async (person: ScriptedParticipant, code: string) => {
    expect(await person.closing()).to.equal(code);
    await person.ended();
  };
  const participantEnds = async (person: ScriptedParticipant, code: string) => {
    await person.ended();
    expect(person.tampered).to.equal(code);
  };
  const joinFails = async (index = VICTIM): Promise<string> =>
    ScriptedParticipant.join(relay.url, scene.study, index).then(
      () => 'joined',
      (cause: unknown) => {
        if (cause instanceof SessionEnded) return cause.code;
        throw cause;
      },
    );
  const session = () => {
    const newest = relay.sessions.at(-1);
    if (newest === undefined) throw new Error('nobody has connected');
    return newest;
  };

  describe('towards the enclave', () => {
    const deeds: readonly (readonly [string, string, Conduct])[] = [
      ['sent twice', 'FRAME_REPLAYED', ({ payload }) => [payload, payload]],
      ['with a flipped bit in its content', 'FRAME_FORGED', ({ payload }) => [flipped(payload, 15)]],
      ['with a flipped bit in its tag', 'FRAME_FORGED', ({ payload }) => [flipped(payload, -1)]],
      ['with its sequence number changed', 'FRAME_LOST', ({ payload }) => [flipped(payload, 8 - 1)]],
      ['cut by a byte', 'FRAME_FORGED', ({ payload }) => [payload.subarray(0, -1)]],
      ['cut to its header', 'FRAME_MALFORMED', ({ payload }) => [payload.subarray(0, 9)]],
      ['of another kind', 'FRAME_MALFORMED', ({ payload }) => [Uint8Array.of(0x55, ...payload)]],
    ];
    for (const [title, code, deed] of deeds) {
      it(`a sealed frame ${title} is ${code}`, () =>
        during(async () => {
          const person = await scene.join(VICTIM);
          relay.conduct = once(FRAME_KIND.sealed, 'to-enclave', deed);
          await person.send(HELD);
          await enclaveEnds(person, code);
        }));
    }

    it('a dropped sealed frame is FRAME_LOST at the next one', () =>
      during(async () => {
        const person = await scene.join(VICTIM);
        relay.conduct = once(FRAME_KIND.sealed, 'to-enclave', () => []);
        await person.send(HELD);
        await person.send(HELD);
        await enclaveEnds(person, 'FRAME_LOST');
      }));

    it('two sealed frames in another order are FRAME_LOST', () =>
      during(async () => {
        const person = await scene.join(VICTIM);
        const kept: Uint8Array[] = [];
        relay.conduct = ({ direction, payload }) => {
          if (direction !== 'to-enclave') return [payload];
          kept.push(payload);
          return kept.length === 2 ? kept.toReversed() : [];
        };
        await person.send(HELD);
        await person.send(HELD);
        await enclaveEnds(person, 'FRAME_LOST');
      }));

    it('frames swapped between two participants are FRAME_FORGED for both', () =>
      during(async () => {
        const people = [await scene.join(0), await scene.join(1)];
        const [first, second] = relay.sessions.slice(-2);
        relay.conduct = ({ session: from, direction, payload }) => {
          if (direction !== 'to-enclave') return [payload];
          (from === first ? second : first)?.inject('to-enclave', payload);
          return [];
        };
        for (const person of people) await person.send(HELD);
        for (const person of people) await enclaveEnds(person, 'FRAME_FORGED');
      }));

    const chunkDeeds: readonly (readonly [string, string, Conduct])[] = [
      ['sent twice', 'CHUNK_REPEATED', ({ payload }) => [payload, payload]],
      ['dropped', 'CHUNK_MISSING', () => []],
      ['cut by a byte', 'CHUNK_MALFORMED', ({ payload }) => [payload.subarray(0, -1)]],
      ['under another update id', 'CHUNK_FOREIGN', ({ payload }) => [flipped(payload, 4)]],
    ];
    for (const [title, code, deed] of chunkDeeds) {
      it(`a chunk ${title} is ${code}`, () =>
        during(async () => {
          const person = await scene.join(VICTIM);
          const sealer = person.sealer(await scene.opening(VICTIM, round), changesFor(HONEST[0]));
          expect(await person.begin(sealer)).to.equal(0);
          person.sendRaw(await person.chunk(sealer, 0));
          expect(await person.begin(sealer)).to.equal(1);
          relay.conduct = once(FRAME_KIND.chunk, 'to-enclave', deed);
          for (const index of [1, 2]) person.sendRaw(await person.chunk(sealer, index));
          await enclaveEnds(person, code);
        }));
    }

    it('a chunk with a flipped bit is UPDATE_REJECTED', () =>
      during(async () => {
        const person = await scene.join(VICTIM);
        const opening = await scene.opening(VICTIM, round);
        relay.conduct = once(FRAME_KIND.chunk, 'to-enclave', ({ payload }) => [flipped(payload, 30)]);
        expect(await person.upload(person.sealer(opening, changesFor(HONEST[0])))).to.include({
          code: 'UPDATE_REJECTED',
        });
      }));

    it('a join with a flipped bit is HANDSHAKE_FORGED', () =>
      during(async () => {
        relay.conduct = once(FRAME_KIND.join, 'to-enclave', ({ payload }) => [flipped(payload, 1200)]);
        expect(await joinFails()).to.equal('HANDSHAKE_FORGED');
      }));

    it('a hello with another nonce is NONCE_MISMATCH, found by the participant', () =>
      during(async () => {
        relay.conduct = once(FRAME_KIND.hello, 'to-enclave', ({ payload }) => {
          const hello = decodeHello(payload.subarray(1));
          if (hello === undefined) throw new Error('an honest hello decodes');
          return [plainFrame('hello', encodeHello({ ...hello, nonce: flipped(hello.nonce, 0) }))];
        });
        expect(await joinFails()).to.equal('NONCE_MISMATCH');
      }));

    it('a whole old session, replayed, gets no further than its join: HANDSHAKE_FORGED', () =>
      during(async () => {
        const person = await scene.join(VICTIM);
        const probe = { ...changesFor(HONEST[0]), participant: 'site-2' };
        const refusal = await person.begin(person.sealer(await scene.opening(VICTIM, round), probe));
        expect(refusal).to.include({ code: 'UPDATE_FOREIGN' });
        const old = session().seen['to-enclave'].slice();
        expect(old.map(([kind]) => kind)).to.deep.equal([FRAME_KIND.hello, FRAME_KIND.join, FRAME_KIND.sealed]);
        const replayer = await ScriptedParticipant.connect(relay.url, scene.study, VICTIM);
        for (const frame of old) replayer.sendRaw(frame);
        expect(await replayer.closing()).to.equal('HANDSHAKE_FORGED');
        expect(person.closed, 'the session that was recorded goes on').to.equal(false);
      }));
  });

  describe('towards the participant', () => {
    const deeds: readonly (readonly [string, string, Conduct])[] = [
      ['sent twice', 'FRAME_REPLAYED', ({ payload }) => [payload, payload]],
      ['with a flipped bit', 'FRAME_FORGED', ({ payload }) => [flipped(payload, 15)]],
      ['cut to its header', 'FRAME_MALFORMED', ({ payload }) => [payload.subarray(0, 9)]],
      ['with one of the session before in front', 'FRAME_FORGED', ({ payload }) => [old(), payload]],
    ];
    const old = (): Uint8Array => {
      const before = relay.sessions.at(-2)?.seen['to-participant'].find(([kind]) => kind === FRAME_KIND.sealed);
      if (before === undefined) throw new Error('no session before');
      return before;
    };
    for (const [title, code, deed] of deeds) {
      it(`a sealed frame ${title} is ${code}`, () =>
        during(async () => {
          relay.conduct = once(FRAME_KIND.sealed, 'to-participant', deed);
          const person = ScriptedParticipant.join(relay.url, scene.study, VICTIM);
          // The frame is the welcome: where it comes twice the join is over, and the second one ends the session.
          const joined = await person.catch((cause: unknown) => cause);
          if (joined instanceof ScriptedParticipant) await participantEnds(joined, code);
          else expect(joined).to.be.instanceOf(SessionEnded).and.include({ code });
        }));
    }

    it('a dropped sealed frame is FRAME_LOST at the next one', () =>
      during(async () => {
        const person = await scene.join(VICTIM);
        const sealer = person.sealer(await scene.opening(VICTIM, round), {
          ...changesFor(HONEST[0]),
          participant: 'x',
        });
        relay.conduct = once(FRAME_KIND.sealed, 'to-participant', () => []);
        for (let times = 0; times < 2; times++) await person.send({ name: 'begin', body: { header: sealer.header } });
        await participantEnds(person, 'FRAME_LOST');
      }));

    it('the evidence of another session is NONCE_MISMATCH', () =>
      during(async () => {
        await scene.join(VICTIM);
        const attest = session().seen['to-participant'].find(([kind]) => kind === FRAME_KIND.attest);
        if (attest === undefined) throw new Error('no evidence was recorded');
        relay.conduct = once(FRAME_KIND.attest, 'to-participant', () => [attest]);
        expect(await joinFails()).to.equal('NONCE_MISMATCH');
      }));

    it('evidence with any of its bytes flipped never leads to a session', () =>
      during(async () => {
        for (const at of [1, 40, 400, 2000, 4000, -1, -600, -1200, -2500]) {
          relay.conduct = once(FRAME_KIND.attest, 'to-participant', ({ payload }) => [flipped(payload, at)]);
          expect(await joinFails(), `byte ${at}`).not.to.equal('joined');
        }
      }));
  });
});
