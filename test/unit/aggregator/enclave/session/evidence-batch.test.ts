import { expect } from 'chai';
import type { Attestation, Attester } from '#enclave/ports/attester.ts';
import { EvidenceBatch, type Quote } from '#enclave/session/evidence-batch.ts';
import { reportDataFor } from '#shared/attestation/binding.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { verifyInclusion } from '#shared/log/merkle.ts';
import { LIMITS } from '#shared/protocol/limits.ts';

const KEYS = {
  kemKey: new Uint8Array(1216).fill(1),
  signingKey: new Uint8Array(32).fill(2),
  manifestDigest: new Uint8Array(32).fill(3),
};

/** A device that answers when the test says so. */
class SlowDevice implements Attester {
  readonly platform = 'aws-nitro';
  readonly asked: {
    readonly reportData: Uint8Array;
    readonly answer: (attestation: Attestation) => void;
    readonly fail: () => void;
  }[] = [];

  attest(reportData: Uint8Array): Promise<Attestation> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new Fault('ATTESTER_FAILED', 'the device is silent'));
      this.asked.push({ reportData, answer: resolve, fail });
    });
  }
}

const nonce = (index: number) => new Uint8Array(32).fill(index);

describe('evidence batch', () => {
  let device: SlowDevice;
  let made: Quote[];
  let batch: EvidenceBatch;
  beforeEach(() => {
    device = new SlowDevice();
    made = [];
    batch = new EvidenceBatch(device, KEYS, nodeCrypto, (quote) => made.push(quote));
  });
  const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

  it('serves all that wait with one quote, each nonce with its own place', async () => {
    const first = batch.prove(nonce(0));
    const others = [1, 2, 3, 4, 5].map((index) => batch.prove(nonce(index)));
    expect(batch.latest).to.equal(undefined);
    device.asked[0]?.answer({ document: Uint8Array.of(1), endorsements: [] });
    expect(await first).to.deep.include({ nonceIndex: 0, nonceCount: 1, noncePath: [] });
    await tick();
    expect(device.asked).to.have.length(2);
    device.asked[1]?.answer({ document: Uint8Array.of(2), endorsements: [] });
    for (const [index, proof] of (await Promise.all(others)).entries()) {
      const { quote, nonceIndex, nonceCount, noncePath } = proof;
      expect({ nonceIndex, nonceCount }).to.deep.equal({ nonceIndex: index, nonceCount: 5 });
      const place = { index: nonceIndex, size: nonceCount, path: noncePath };
      expect(verifyInclusion(nonce(index + 1), place, quote.nonceRoot, nodeCrypto)).to.equal(true);
      expect(device.asked[1]?.reportData).to.deep.equal(
        reportDataFor({ ...KEYS, nonceRoot: quote.nonceRoot }, nodeCrypto),
      );
    }
    expect(made.map(({ document }) => [...document])).to.deep.equal([[1], [2]]);
    expect(batch.latest).to.equal(made[1]);
  });

  it('fails all that waited for a quote that failed, and serves the next', async () => {
    const waiting = [batch.prove(nonce(0))];
    await tick();
    const next = batch.prove(nonce(1));
    device.asked[0]?.fail();
    const results = await Promise.allSettled(waiting);
    expect(results.map(({ status }) => status)).to.deep.equal(['rejected']);
    await tick();
    device.asked[1]?.answer({ document: Uint8Array.of(1), endorsements: [] });
    expect((await next).nonceCount).to.equal(1);
  });

  it('takes no more than may wait for one quote', async () => {
    void batch.prove(nonce(0));
    const waiting = Array.from({ length: LIMITS.noncesPerQuoteMax }, (_, index) => batch.prove(nonce(index % 256)));
    const refused: unknown = await batch.prove(nonce(0)).catch((cause: unknown) => cause);
    expect(refused).to.be.instanceOf(Fault).and.include({ code: 'ATTESTER_FAILED' });
    device.asked[0]?.answer({ document: Uint8Array.of(1), endorsements: [] });
    await tick();
    device.asked[1]?.answer({ document: Uint8Array.of(2), endorsements: [] });
    expect((await Promise.all(waiting)).at(-1)?.nonceCount).to.equal(LIMITS.noncesPerQuoteMax);
  });

  it('refuses evidence that no frame could carry', async () => {
    const endorsements = Array.from({ length: 4 }, () => ({ kind: 'crl' as const, bytes: new Uint8Array(48 * 1024) }));
    const proof = batch.prove(nonce(1));
    await Promise.resolve();
    device.asked[0]?.answer({ document: new Uint8Array(100), endorsements });
    const fault = await proof.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(fault).to.have.property('code', 'ATTESTER_FAILED');
  });
});
