import { expect } from 'chai';
import type { ToHost } from '#boundary/to-host.ts';
import { type OutgoingRelease, Publisher } from '#enclave/publication/publisher.ts';
import { turns } from '#test/fakes/aggregator/turns.ts';

const RELEASE = new Uint8Array(32).fill(9);
const PIECES = [Uint8Array.of(1, 2), Uint8Array.of(3, 4), Uint8Array.of(5)];

/** A host whose reading the test controls: `blocked` sends wait until `unblock`. */
class FakeHost {
  readonly sent: ToHost[] = [];
  blockFrom = Number.POSITIVE_INFINITY;
  #waiting: (() => void)[] = [];

  async send(message: ToHost): Promise<void> {
    // What is sent is copied at once, as the socket does it: its bytes are given back afterwards.
    this.sent.push(structuredClone(message));
    if (this.sent.length >= this.blockFrom) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  unblock(): void {
    this.blockFrom = Number.POSITIVE_INFINITY;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  names(): readonly string[] {
    return this.sent.map(({ name }) => name);
  }
}

function outgoing(pieces: readonly Uint8Array[] = PIECES) {
  const made = { wiped: false, afterWipe: 0, signed: 0 };
  const release: OutgoingRelease = {
    manifestDigest: new Uint8Array(32),
    round: 3,
    payloadBytes: pieces.reduce((sum, { length }) => sum + length, 0),
    async *pieces() {
      for (const piece of pieces) {
        if (made.wiped) made.afterWipe += 1;
        yield piece.slice();
      }
    },
    signed() {
      made.signed += 1;
      return { envelope: Uint8Array.of(7), release: RELEASE };
    },
    wipe() {
      made.wiped = true;
    },
  };
  return { release, made };
}

function publisherTo(host: FakeHost): Publisher {
  let transfers = 0;
  return new Publisher(host, () => ++transfers);
}

describe('publisher', () => {
  it('sends a release in order and gives its digest once the host has stored it', async () => {
    const host = new FakeHost();
    const publisher = publisherTo(host);
    const { release, made } = outgoing();
    const published = publisher.publish(release);
    await turns();
    expect(host.names()).to.deep.equal(['release-begin', ...PIECES.map(() => 'release-chunk'), 'release-end']);
    expect(
      host.sent.flatMap((message) => (message.name === 'release-chunk' ? [message.body.offset] : [])),
    ).to.deep.equal([0, 2, 4]);
    expect(made.wiped).to.equal(false);
    publisher.stored(RELEASE);
    expect(await published).to.deep.equal(RELEASE);
    expect(made.wiped).to.equal(true);
  });

  it('cuts a piece that is longer than a boundary message may carry', async () => {
    const host = new FakeHost();
    const publisher = publisherTo(host);
    const published = publisher.publish(outgoing([new Uint8Array(1024 * 1024 + 16)]).release);
    await turns();
    publisher.stored(RELEASE);
    await published;
    const sizes = host.sent.flatMap((message) => (message.name === 'release-chunk' ? [message.body.bytes.length] : []));
    expect(sizes).to.deep.equal([1024 * 1024, 16]);
  });

  it('takes no word of another release, none before the end and none without a release', async () => {
    const host = new FakeHost();
    const publisher = publisherTo(host);
    publisher.stored(RELEASE);
    host.blockFrom = 2;
    const { release, made } = outgoing();
    const published = publisher.publish(release);
    await turns();
    publisher.stored(RELEASE);
    host.unblock();
    await turns();
    publisher.stored(new Uint8Array(32));
    await turns();
    expect(made.wiped).to.equal(false);
    publisher.stored(RELEASE);
    await published;
  });

  it('sends the same release whole again to a host that came back', async () => {
    const host = new FakeHost();
    const publisher = publisherTo(host);
    await publisher.hostReturned();
    expect(host.sent).to.deep.equal([]);
    const published = publisher.publish(outgoing().release);
    await turns();
    const first = host.sent.splice(0);
    await publisher.hostReturned();
    const strip = (messages: readonly ToHost[]) =>
      messages.map(({ name, body }) => ({ name, body: { ...body, transfer: 0 } }));
    expect(strip(host.sent)).to.deep.equal(strip(first));
    publisher.stored(RELEASE);
    await published;
  });

  it('ends a transmission whose connection was replaced, without another word of it', async () => {
    const host = new FakeHost();
    const publisher = publisherTo(host);
    host.blockFrom = 2;
    const published = publisher.publish(outgoing([new Uint8Array(1024 * 1024 + 16), Uint8Array.of(1)]).release);
    await turns();
    expect(host.names()).to.deep.equal(['release-begin', 'release-chunk']);
    host.sent.length = 0;
    const returned = publisher.hostReturned();
    host.unblock();
    await returned;
    const transfers = host.sent.map((message) => ('transfer' in message.body ? message.body.transfer : 0));
    expect(new Set(transfers)).to.deep.equal(new Set([2]));
    publisher.stored(RELEASE);
    await published;
  });

  it('makes no piece once the key is wiped, though the host confirms while it is sent a second time', async () => {
    const host = new FakeHost();
    const publisher = publisherTo(host);
    const { release, made } = outgoing();
    const published = publisher.publish(release);
    await turns();
    host.sent.length = 0;
    host.blockFrom = 2;
    const second = publisher.hostReturned();
    await turns();
    publisher.stored(RELEASE);
    await turns();
    host.unblock();
    await second;
    expect(await published).to.deep.equal(RELEASE);
    expect(made).to.include({ wiped: true, afterWipe: 0 });
    expect(host.names()).to.deep.equal(['release-begin', 'release-chunk']);
  });
});
