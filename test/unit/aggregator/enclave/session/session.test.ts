import { expect } from 'chai';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { FRAME_KIND, plainFrame } from '#shared/protocol/frames.ts';
import { decodeClose, encodeHello } from '#shared/protocol/handshake.ts';
import { LIMITS } from '#shared/protocol/limits.ts';
import { type InProcess, startInProcess } from '#test/fakes/aggregator/in-process.ts';
import { ScriptedParticipant } from '#test/fakes/aggregator/participant.ts';
import { makeStudy, type TestStudy } from '#test/fakes/aggregator/study.ts';
import { turns } from '#test/fakes/aggregator/turns.ts';

const HANDSHAKE_MS_MAX = 30_000;

describe('a session', () => {
  let running: InProcess;
  let study: TestStudy;
  let working = true;
  const connected = () => ScriptedParticipant.connect(running.enclave.url, study);

  before(async () => {
    running = await startInProcess({ working: () => working });
    study = makeStudy({ ...running.enclave.enclave, name: 'sessions' });
    await running.enclave.offer(study);
  });
  after(() => running.enclave.stop());

  it('that does not finish its handshake in time is told SERVER_BUSY', async () => {
    const silent = await connected();
    const halfway = await connected();
    await halfway.hello();
    running.clock.advance(HANDSHAKE_MS_MAX);
    expect(await silent.closing()).to.equal('SERVER_BUSY');
    expect(await halfway.closing()).to.equal('SERVER_BUSY');
  });

  it('that joined in time goes on', async () => {
    const person = await ScriptedParticipant.join(running.enclave.url, study);
    running.clock.advance(2 * HANDSHAKE_MS_MAX);
    await turns();
    expect(person.closed).to.equal(false);
    await person.send({ name: 'leave', body: {} });
    await person.ended();
  });

  it('is told SERVER_BUSY while the device gives no evidence, and served when it does', async () => {
    working = false;
    expect(await (await connected()).refusedHandshake()).to.equal('SERVER_BUSY');
    working = true;
    (await ScriptedParticipant.join(running.enclave.url, study)).leave();
  });

  it('whose peer is gone before its evidence is there is forgotten', async () => {
    const hello = {
      version: 1,
      kem: nodeCrypto.xWing.id,
      manifestDigest: study.study.digest,
      nonce: new Uint8Array(32),
      ephemeralKey: nodeCrypto.xWing.generate().publicKey,
    };
    const sent: Uint8Array[] = [];
    const session = running.core.connect({
      send: (frame) => sent.push(frame),
      unsentBytes: () => 0,
      setReading: () => undefined,
      close: () => undefined,
    });
    session.receive(plainFrame('hello', encodeHello(hello)));
    session.disconnected();
    session.receive(Uint8Array.of(1, 2));
    session.send({ name: 'phase', body: { round: 0, phase: 'idle' } });
    session.close('SERVER_STOPPING');
    await turns();
    expect(sent).to.deep.equal([]);
  });

  it('stops reading while four frames wait, and reads on when there is room', async () => {
    const reading: boolean[] = [];
    let readOn = (): void => undefined;
    const resumed = new Promise<void>((resolve) => {
      readOn = resolve;
    });
    const setReading = (on: boolean): void => {
      reading.push(on);
      if (on) readOn();
    };
    const session = running.core.connect({
      send: () => undefined,
      unsentBytes: () => 0,
      setReading,
      close: () => undefined,
    });
    const hello = {
      version: 1,
      kem: nodeCrypto.xWing.id,
      manifestDigest: study.study.digest,
      nonce: new Uint8Array(32),
      ephemeralKey: nodeCrypto.xWing.generate().publicKey,
    };
    for (let frames = 0; frames < 5; frames++) session.receive(plainFrame('hello', encodeHello(hello)));
    expect(reading).to.deep.equal([false]);
    await resumed;
    expect(reading).to.deep.equal([false, true]);
  });

  it('that has not joined keeps no frame longer than a join while its evidence is made', async () => {
    const sent: Uint8Array[] = [];
    const session = running.core.connect({
      send: (frame) => sent.push(frame),
      unsentBytes: () => 0,
      setReading: () => undefined,
      close: () => undefined,
    });
    const hello = {
      version: 1,
      kem: nodeCrypto.xWing.id,
      manifestDigest: study.study.digest,
      nonce: new Uint8Array(32),
      ephemeralKey: nodeCrypto.xWing.generate().publicKey,
    };
    session.receive(plainFrame('hello', encodeHello(hello)));
    session.receive(new Uint8Array(LIMITS.joinBytesMax).fill(FRAME_KIND.chunk));
    expect(sent).to.deep.equal([]);
    session.receive(new Uint8Array(LIMITS.joinBytesMax + 1).fill(FRAME_KIND.chunk));
    const [close = new Uint8Array(0)] = sent;
    expect(decodeClose(close.subarray(1))?.code).to.equal('FRAME_MALFORMED');
    await turns();
    expect(sent).to.have.length(1);
  });

  it('is cut off when it asks without end and reads no answer', async () => {
    const person = await ScriptedParticipant.join(running.enclave.url, study);
    const nowhere = { round: 9, attempt: 1, kem: nodeCrypto.xWing.id, chunkBytes: 1024, remainingMs: 1 };
    const { header } = person.sealer({
      ...nowhere,
      manifestDigest: study.study.digest,
      roundKey: nodeCrypto.xWing.generate().publicKey,
      baseRelease: new Uint8Array(32),
      layoutDigest: study.study.layout.digest,
    });
    const from = running.enclave.messages.length;
    const cut = running.enclave.next(
      'log',
      ({ event, fields }) => event === 'session-refused' && fields['code'] === 'SERVER_BUSY',
      from,
    );
    person.socket.pause();
    const cuts: unknown[] = [];
    void cut.then((line) => cuts.push(line));
    while (cuts.length === 0) {
      await person.send({ name: 'begin', body: { header } });
      await turns();
    }
    person.socket.resume();
    await person.ended();
  });

  it('ends for whoever speaks text, or another subprotocol', async () => {
    const person = await connected();
    person.socket.send('text');
    await person.ended();
    const { WebSocket } = await import('ws');
    const other = new WebSocket(running.enclave.url, 'other.v1');
    await new Promise<void>((resolve) => {
      other.on('error', () => undefined);
      other.on('close', () => resolve());
    });
    expect(other.readyState).to.equal(WebSocket.CLOSED);
  });
});
