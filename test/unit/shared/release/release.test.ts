import { expect } from 'chai';
import { concat, textOf, toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { Fault, InvariantFault } from '#shared/fault/fault.ts';
import { openRelease, verifyReleasePayload } from '#shared/release/open-release.ts';
import { ReleaseSealer } from '#shared/release/seal-release.ts';
import { type ChainPlace, verifyReleaseChain, verifyReleaseStatement } from '#shared/release/verify-release.ts';
import { attestSample, EVIDENCE, MANIFEST_DIGEST, sampleRelease, ZERO32 } from './sample.ts';

const key = crypto.xWing.generate();
const recipients = [
  { id: 'clinic-b', releaseKey: crypto.xWing.generate().publicKey },
  { id: 'clinic-a', releaseKey: key.publicKey },
];
const WEIGHTS = Float32Array.from({ length: 50 }, (_, i) => i / 3);
const OPTIONS = { round: 0, previous: ZERO32, weights: WEIGHTS, chunkBytes: 64, recipients };

const verify = (envelope: Uint8Array, place: ChainPlace = { kind: 'first' }) =>
  verifyReleaseStatement(envelope, { manifestDigest: MANIFEST_DIGEST, place, attest: attestSample }, crypto);

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'accepted',
    (fault: unknown) => {
      if (fault instanceof Fault) return fault.code;
      throw fault;
    },
  );
}

/** `bytes` in pieces of `size`. */
function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

async function flipped(bytes: Uint8Array, attempt: (altered: Uint8Array, at: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < bytes.length; i++) {
    const altered = bytes.slice();
    altered[i] = (altered[i] ?? 0) ^ (1 << (i % 8));
    await attempt(altered, i);
  }
}

describe('release', () => {
  it('opens to its weights and prelude, in pieces of any size', async () => {
    const { envelope, release, pieces, payload, sealer, prelude } = await sampleRelease(OPTIONS);
    const verified = await verify(envelope);
    expect(verified.release).to.deep.equal(release);
    expect(verified.proof).to.equal('proved');
    expect(sealer.payloadBytes).to.equal(payload.length);
    const sizes = [1, 7, 64, 80, 1300, payload.length];
    for (const source of [pieces, ...sizes.map((size) => cut(payload, size)), [new Uint8Array(), payload]]) {
      const target = new Float32Array(50);
      const receiver = { recipient: 'clinic-a', secretKey: key.secretKey, target };
      expect(await openRelease(verified, source, receiver, crypto)).to.deep.equal(prelude);
      expect(target).to.deep.equal(WEIGHTS);
      await verifyReleasePayload(verified, source, crypto);
    }
  });

  it('is signed as the in-toto statement that the protocol spells', async () => {
    const { envelope, statement } = await sampleRelease(OPTIONS);
    const payload: unknown = JSON.parse(textOf(envelope) ?? '').payload;
    const json = JSON.parse(Buffer.from(String(payload), 'base64').toString());
    expect(Object.keys(json)).to.deep.equal(['_type', 'subject', 'predicateType', 'predicate']);
    expect(json.subject).to.deep.equal([{ name: 'release-0', digest: { sha256: toHex(statement.payloadDigest) } }]);
    expect(Object.keys(json.predicate)).to.deep.equal(
      'study manifestDigest round previous cohortSize contributions rule privacy layoutDigest tensorBytes chunkBytes evidence'.split(
        ' ',
      ),
    );
    expect(Object.keys(json.predicate.evidence)).to.deep.equal(
      'platform document endorsements kemKey signingKey nonceRoot'.split(' '),
    );
  });

  it('does not verify with any byte of its statement file flipped', async () => {
    const { envelope } = await sampleRelease(OPTIONS);
    await flipped(envelope, async (altered, at) => {
      expect(await codeOf(verify(altered)), `byte ${at}`).to.be.oneOf(['RELEASE_INVALID', 'ENCLAVE_SIGNATURE_INVALID']);
    });
  });

  it('neither opens nor verifies with any byte of its payload flipped, and leaves no weights behind', async () => {
    const { envelope, payload } = await sampleRelease(OPTIONS);
    const verified = await verify(envelope);
    const target = new Float32Array(50);
    const receiver = { recipient: 'clinic-a', secretKey: key.secretKey, target };
    await flipped(payload, async (altered, at) => {
      expect(await codeOf(openRelease(verified, [altered], receiver, crypto)), `byte ${at}`).to.equal(
        'RELEASE_INVALID',
      );
      expect(
        target.every((value) => value === 0),
        `byte ${at}`,
      ).to.equal(true);
      expect(await codeOf(verifyReleasePayload(verified, [altered], crypto)), `byte ${at}`).to.equal('RELEASE_INVALID');
    });
  });

  it('does not open when cut anywhere or continued', async () => {
    const { envelope, payload } = await sampleRelease(OPTIONS);
    const verified = await verify(envelope);
    for (let length = 0; length < payload.length; length += 13) {
      const attempt = verifyReleasePayload(verified, [payload.subarray(0, length)], crypto);
      expect(await codeOf(attempt), `${length} bytes`).to.equal('RELEASE_INVALID');
    }
    const longer = [payload, Uint8Array.of(0)];
    expect(await codeOf(verifyReleasePayload(verified, longer, crypto))).to.equal('RELEASE_INVALID');
    const bomb = concat(payload.subarray(0, 8), new Uint8Array(4).fill(0xff), payload);
    expect(await codeOf(verifyReleasePayload(verified, [bomb], crypto))).to.equal('RELEASE_INVALID');
  });

  it('says so when it holds no stanza for this recipient or this key', async () => {
    const { envelope, payload } = await sampleRelease(OPTIONS);
    const verified = await verify(envelope);
    const target = new Float32Array(50);
    for (const receiver of [
      { recipient: 'clinic-c', secretKey: key.secretKey, target },
      { recipient: 'clinic-b', secretKey: key.secretKey, target },
    ]) {
      expect(await codeOf(openRelease(verified, [payload], receiver, crypto))).to.equal('RELEASE_SEALED');
      expect(target.every((value) => value === 0)).to.equal(true);
    }
  });

  it('does not open with the payload of another release', async () => {
    const one = await sampleRelease(OPTIONS);
    const two = await sampleRelease(OPTIONS);
    const receiver = { recipient: 'clinic-a', secretKey: key.secretKey, target: new Float32Array(50) };
    const attempt = openRelease(await verify(one.envelope), [two.payload], receiver, crypto);
    expect(await codeOf(attempt)).to.equal('RELEASE_INVALID');
  });

  it('lets its source go when it stops early', async () => {
    const { envelope } = await sampleRelease(OPTIONS);
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for (;;) yield new Uint8Array(100);
      } finally {
        closed = true;
      }
    }
    expect(await codeOf(verifyReleasePayload(await verify(envelope), endless(), crypto))).to.equal('RELEASE_INVALID');
    expect(closed).to.equal(true);
  });

  it('stops when the target has another size than the weights', async () => {
    const { envelope, payload } = await sampleRelease(OPTIONS);
    const receiver = { recipient: 'clinic-a', secretKey: key.secretKey, target: new Float32Array(49) };
    const attempt = openRelease(await verify(envelope), [payload], receiver, crypto);
    expect(await attempt.catch((fault: unknown) => fault)).to.be.instanceOf(InvariantFault);
  });

  it('gives the same pieces again, until it is wiped', async () => {
    const { sealer, payload } = await sampleRelease(OPTIONS);
    expect(concat(...(await collect(sealer.pieces())))).to.deep.equal(payload);
    const running = sealer.pieces();
    await running.next();
    await running.next();
    sealer.wipe();
    for (const attempt of [running.next(), collect(sealer.pieces())]) {
      expect(await Promise.resolve(attempt).catch((fault: unknown) => fault)).to.be.instanceOf(InvariantFault);
    }
  });

  it('stops before it seals other weights under the same key', async () => {
    const weights = WEIGHTS.slice();
    const { sealer } = await sampleRelease({ ...OPTIONS, weights });
    weights[20] = 1e6;
    expect(await collect(sealer.pieces()).catch((fault: unknown) => fault)).to.be.instanceOf(InvariantFault);
  });

  it('has no digest before its last piece', async () => {
    const target = { manifestDigest: MANIFEST_DIGEST, round: 0, previous: ZERO32, recipients, chunkBytes: 64 };
    const content = { prelude: { metrics: {}, contributions: 0 }, tensorBytes: new Uint8Array(100) };
    const sealer = await ReleaseSealer.create(target, content, crypto);
    expect(() => sealer.payloadDigest()).to.throw(InvariantFault);
    await sealer.pieces().next();
    expect(() => sealer.payloadDigest()).to.throw(InvariantFault);
  });
});

describe('release statement', () => {
  it('is refused for another study', async () => {
    const { envelope } = await sampleRelease(OPTIONS, { manifestDigest: ZERO32 });
    expect(await codeOf(verify(envelope))).to.equal('RELEASE_INVALID');
  });

  it('is refused when its evidence is not believed, though its signature holds', async () => {
    const { envelope } = await sampleRelease(OPTIONS, { evidence: { ...EVIDENCE, document: new Uint8Array(300) } });
    expect(await codeOf(verify(envelope))).to.equal('EVIDENCE_REFUSED');
  });

  it('is refused when another key signed it than its evidence is for', async () => {
    const signingKey = crypto.ed25519Generate().publicKey;
    const { envelope } = await sampleRelease(OPTIONS, { evidence: { ...EVIDENCE, signingKey } });
    expect(await codeOf(verify(envelope))).to.equal('ENCLAVE_SIGNATURE_INVALID');
  });

  it('is refused with keys of a wrong length or sizes that no layout has', async () => {
    for (const alter of [
      { evidence: { ...EVIDENCE, kemKey: new Uint8Array(1215) } },
      { evidence: { ...EVIDENCE, nonceRoot: new Uint8Array(31) } },
      { tensorBytes: 201 },
      { chunkBytes: 0 },
      { round: -1 },
    ]) {
      const { envelope } = await sampleRelease(OPTIONS, alter);
      expect(await codeOf(verify(envelope))).to.equal('RELEASE_INVALID');
    }
  });
});

/** Releases 0 to `length - 1`, each after the one before. */
async function chain(length: number): Promise<{ envelope: Uint8Array; release: Uint8Array }[]> {
  const releases: { envelope: Uint8Array; release: Uint8Array }[] = [];
  for (let round = 0; round < length; round++) {
    const previous = releases.at(-1)?.release ?? ZERO32;
    releases.push(await sampleRelease({ ...OPTIONS, round, previous }));
  }
  return releases;
}

describe('release chain', () => {
  const expected = { manifestDigest: MANIFEST_DIGEST, place: { kind: 'first' }, attest: attestSample } as const;

  it('verifies from release 0 on', async () => {
    const files = (await chain(4)).map(({ envelope }) => envelope);
    const verified = await verifyReleaseChain(files, expected, crypto);
    expect(verified.map(({ statement }) => statement.round)).to.deep.equal([0, 1, 2, 3]);
  });

  it('is refused with a release missing, doubled, swapped or of another branch', async () => {
    const [zero, one, two] = (await chain(3)).map(({ envelope }) => envelope);
    const [, branch] = (await chain(2)).map(({ envelope }) => envelope);
    if (!zero || !one || !two || !branch) throw new Error('chains are as long as asked');
    for (const files of [[zero, two], [zero, one, one], [one, zero], [zero, branch], [one], [zero, zero]]) {
      expect(await codeOf(verifyReleaseChain(files, expected, crypto))).to.equal('RELEASE_UNCHAINED');
    }
  });

  it('is refused when the round does not rise', async () => {
    const zero = await sampleRelease(OPTIONS);
    const five = await sampleRelease({ ...OPTIONS, round: 5, previous: zero.release });
    const again = await sampleRelease({ ...OPTIONS, round: 5, previous: five.release });
    const files = [zero, five, again].map(({ envelope }) => envelope);
    expect(await codeOf(verifyReleaseChain(files.slice(0, 2), expected, crypto))).to.equal('accepted');
    expect(await codeOf(verifyReleaseChain(files, expected, crypto))).to.equal('RELEASE_UNCHAINED');
  });

  it('is refused when round 0 follows something or a later one nothing', async () => {
    const anywhere = { kind: 'anywhere', because: 'the test looks at one statement alone' } as const;
    const odd = [
      await sampleRelease({ ...OPTIONS, previous: MANIFEST_DIGEST }),
      await sampleRelease({ ...OPTIONS, round: 1 }),
    ];
    for (const { envelope } of odd) expect(await codeOf(verify(envelope, anywhere))).to.equal('RELEASE_UNCHAINED');
  });

  it('can be entered anywhere, with a reason, or after a release that is held', async () => {
    const [, one, two] = await chain(3);
    if (!one || !two) throw new Error('chains are as long as asked');
    expect(await codeOf(verify(two.envelope, { kind: 'anywhere', because: 'first contact' }))).to.equal('accepted');
    expect(await codeOf(verify(two.envelope, { kind: 'after', release: one.release, round: 1 }))).to.equal('accepted');
    expect(await codeOf(verify(two.envelope, { kind: 'after', release: ZERO32, round: 1 }))).to.equal(
      'RELEASE_UNCHAINED',
    );
  });
});
