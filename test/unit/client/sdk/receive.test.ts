import { expect } from 'chai';
import type { ParticipantEvent } from '#client/sdk/events.ts';
import { httpHost } from '#client/sdk/host.ts';
import { ReleaseFollower } from '#client/sdk/receive.ts';
import { memoryReleaseStore, type ReleaseStore } from '#client/sdk/release-store.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { type FakeRelease, fakeRelease, type ReleaseBend, serve } from '#test/fakes/enclave-round.ts';
import { FakeEnclave } from '#test/fakes/enclave-session.ts';
import { HandClock } from '#test/fakes/hand-clock.ts';
import { faultCode } from '#test/fakes/participant-run.ts';
import { type FakeStudy, fakeStudy, PARAMETER_COUNT } from '#test/fakes/participant-study.ts';
import { type FakePlatform, fakePlatform } from '#test/fakes/tee/enclave.ts';

describe('following releases', () => {
  let platform: FakePlatform;
  let fake: FakeStudy;
  let enclave: FakeEnclave;
  let origin: URL;
  let chain: FakeRelease[];
  let store: ReleaseStore;
  let events: ParticipantEvent[];

  before(async () => {
    platform = await fakePlatform();
    fake = fakeStudy(platform);
  });

  beforeEach(async () => {
    enclave = new FakeEnclave(platform, fake.study.digest);
    origin = await enclave.listen();
    chain = [];
    for (let round = 0; round < 4; round++) chain.push(await fakeRelease(enclave, fake.study, chain.at(-1)));
    serve(enclave, fake.study, ...chain);
    store = memoryReleaseStore();
    events = [];
  });

  afterEach(() => enclave.close());

  function follower(policies = [fake.study.policy, fake.policy], secretKey = fake.keys.release.secretKey) {
    return new ReleaseFollower(
      { study: fake.study, policies, recipient: { id: 'mary', secretKey }, store },
      {
        host: httpHost(origin),
        crypto: nodeCrypto,
        clock: new HandClock(),
        onEvent: (event) => events.push(event),
      },
    );
  }

  const follow = (release: FakeRelease | undefined, by = follower()): Promise<string> =>
    faultCode(by.follow(release?.release ?? new Uint8Array(32), new AbortController().signal));

  /** Serves a bent release 4 after a genuine 3, and tells how following it from 3 ends. */
  async function followBent(bend: ReleaseBend): Promise<string> {
    expect(await follow(chain[3])).to.equal('none');
    const bent = await fakeRelease(enclave, fake.study, chain[3], bend);
    serve(enclave, fake.study, bent);
    const code = await follow(bent);
    expect((await store.newest())?.round).to.equal(3);
    return code;
  }

  it('holds the release that was wanted, having verified all before it', async () => {
    expect(await follow(chain[3])).to.equal('none');
    const held = await store.newest();
    expect(held?.round).to.equal(3);
    expect(held?.weights).to.deep.equal(new Float32Array(PARAMETER_COUNT).fill(3));
    expect(events).to.have.lengthOf(1);
    expect(events[0]).to.include({ kind: 'held', round: 3, emulated: true, contributions: 2 });
  });

  it('walks back from no release beyond the last round of the manifest, whatever the host names', async () => {
    const beyond = await fakeRelease(enclave, fake.study, chain[3], { statement: { round: 10 } });
    let asked = 0;
    serve(enclave, fake.study, beyond);
    enclave.routes.set(`/v1/releases/${toHex(chain[3]?.release ?? new Uint8Array())}/statement`, (_, response) => {
      asked += 1;
      response.end(chain[3]?.envelope);
    });
    expect(await follow(beyond)).to.equal('RELEASE_INVALID');
    expect(asked).to.equal(0);
  });

  it('fetches nothing for a release that it holds', async () => {
    await follow(chain[1]);
    await enclave.close();
    expect(await follow(chain[1])).to.equal('none');
    enclave = new FakeEnclave(platform, fake.study.digest);
    await enclave.listen();
  });

  it('goes on from the release that it holds, over those it missed', async () => {
    await follow(chain[0]);
    enclave.routes.delete(`/v1/releases/${Buffer.from(chain[0]?.release ?? []).toString('hex')}/statement`);
    expect(await follow(chain[3])).to.equal('none');
  });

  it('refuses to go back to an older release', async () => {
    await follow(chain[3]);
    expect(await follow(chain[1])).to.equal('RELEASE_UNCHAINED');
  });

  it('refuses a fork: another release after an older one', async () => {
    await follow(chain[2]);
    const fork = await fakeRelease(enclave, fake.study, chain[1], {
      weights: new Float32Array(PARAMETER_COUNT).fill(9),
    });
    const beyond = await fakeRelease(enclave, fake.study, fork);
    serve(enclave, fake.study, fork, beyond);
    expect(await follow(fork)).to.equal('RELEASE_UNCHAINED');
    expect(await follow(beyond)).to.equal('RELEASE_UNCHAINED');
  });

  it('refuses a statement that another key signed', async () => {
    const stranger = nodeCrypto.ed25519Generate().secretKey;
    expect(await followBent({ signWith: stranger })).to.equal('ENCLAVE_SIGNATURE_INVALID');
  });

  it('refuses a signing key that the evidence is not for', async () => {
    const { publicKey, secretKey } = nodeCrypto.ed25519Generate();
    const { document, nonceRoot } = await enclave.evidence([new Uint8Array(32)]);
    const evidence = { platform: 'aws-nitro', document, endorsements: [], kemKey: enclave.kem.publicKey, nonceRoot };
    const bend = { signWith: secretKey, statement: { evidence: { ...evidence, signingKey: publicKey } } };
    expect(await followBent(bend)).to.equal('EVIDENCE_REFUSED');
  });

  it('refuses an enclave that its own policy does not accept', async () => {
    const PCR0 = 'cd'.repeat(48);
    const enclaves = fake.policy.enclaves.map((each) => ({ ...each, measurements: { PCR0 } }));
    expect(await follow(chain[0], follower([fake.study.policy, { ...fake.policy, enclaves }]))).to.equal(
      'EVIDENCE_REFUSED',
    );
  });

  it('refuses a release of another study or another model', async () => {
    expect(await followBent({ statement: { manifestDigest: new Uint8Array(32) } })).to.equal('RELEASE_INVALID');
    expect(await followBent({ statement: { layoutDigest: new Uint8Array(32) } })).to.equal('RELEASE_INVALID');
  });

  it('refuses a payload with any piece altered, cut short or continued', async () => {
    const [first] = chain;
    if (first === undefined) throw new Error('a chain has a first release');
    const { payload } = first;
    const path = `/v1/releases/${Buffer.from(first.release).toString('hex')}/payload`;
    const flip = (at: number): Uint8Array => payload.map((byte, index) => (index === at ? byte ^ 1 : byte));
    const bad = [
      flip(0),
      flip(30),
      flip(payload.length >> 1),
      flip(payload.length - 1),
      payload.subarray(0, payload.length - 1),
      Buffer.concat([payload, Uint8Array.of(0)]),
    ];
    for (const bytes of bad) {
      enclave.routes.set(path, (_, response) => response.end(bytes));
      expect(await follow(first)).to.be.oneOf(['RELEASE_INVALID', 'RELEASE_SEALED']);
      expect(await store.newest()).to.equal(undefined);
    }
  });

  it('refuses the statement of another release, and what is no statement', async () => {
    const path = `/v1/releases/${Buffer.from(chain[1]?.release ?? []).toString('hex')}/statement`;
    enclave.routes.set(path, (_, response) => response.end(chain[2]?.envelope));
    expect(await follow(chain[1])).to.equal('RELEASE_INVALID');
    enclave.routes.set(path, (_, response) => response.end('{}'));
    expect(await follow(chain[1])).to.equal('RELEASE_INVALID');
  });

  it('says so when a release holds no stanza for it', async () => {
    expect(await followBent({ recipients: ['jude'] })).to.equal('RELEASE_SEALED');
    const other = nodeCrypto.xWing.generate().secretKey;
    store = memoryReleaseStore();
    expect(await follow(chain[0], follower(undefined, other))).to.equal('RELEASE_SEALED');
  });

  it('takes a broken download up again where it broke off', async () => {
    const [first] = chain;
    if (first === undefined) throw new Error('a chain has a first release');
    const ranges: (string | undefined)[] = [];
    const path = `/v1/releases/${Buffer.from(first.release).toString('hex')}/payload`;
    enclave.routes.set(path, (request, response) => {
      ranges.push(request.headers.range);
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const rest = first.payload.subarray(from);
      const range = `bytes ${from}-${first.payload.length - 1}/${first.payload.length}`;
      response.writeHead(from === 0 ? 200 : 206, {
        'content-length': rest.length,
        ...(from === 0 ? {} : { 'content-range': range }),
      });
      if (ranges.length === 3) response.end(rest);
      else response.write(rest.subarray(0, 1000), () => response.destroy());
    });
    expect(await follow(first)).to.equal('none');
    expect(ranges).to.deep.equal([undefined, 'bytes=1000-', 'bytes=2000-']);
  });

  it('does not join bytes of a host that ignores the range, and gives up on one that always breaks off', async () => {
    const [first] = chain;
    if (first === undefined) throw new Error('a chain has a first release');
    const path = `/v1/releases/${Buffer.from(first.release).toString('hex')}/payload`;
    let requests = 0;
    enclave.routes.set(path, (_, response) => {
      requests += 1;
      response.writeHead(200, { 'content-length': first.payload.length });
      response.write(first.payload.subarray(0, 1000), () => response.destroy());
    });
    expect(await follow(first)).to.equal('CONNECTION_LOST');
    expect(requests).to.equal(2);
  });

  it('refuses an endless answer before it fills the memory', async () => {
    const path = `/v1/releases/${Buffer.from(chain[0]?.release ?? []).toString('hex')}/statement`;
    enclave.routes.set(path, (_, response) => response.end(Buffer.alloc(400 * 1024)));
    expect(await follow(chain[0])).to.equal('RELEASE_INVALID');
  });

  it('reports a host that has not got the release', async () => {
    expect(await follow(undefined)).to.equal('CONNECTION_LOST');
  });
});
