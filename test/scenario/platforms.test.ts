import { expect } from 'chai';
import { EMULATED_PLATFORMS } from '#infra/emulator/devices/table.ts';
import { PARAMETERS } from '#test/fakes/aggregator/scene.ts';
import { WholeAggregator, type WholeStudy } from '#test/fakes/aggregator/whole-study.ts';
import { requireSwtpm } from '#test/fakes/tee/swtpm.ts';

const ROUNDS = 2;
/** What two participants add in each round; the mean is the middle, since both claim ten examples. */
const VALUES = [1, 4] as const;
const MEAN = 2.5;

for (const platform of EMULATED_PLATFORMS) {
  describe(`a whole study in the enclave bundle on the emulated device of ${platform}`, function () {
    this.timeout(30_000);
    let aggregator: WholeAggregator;
    let whole: WholeStudy;

    before(async function () {
      if (platform === 'tpm-quote') requireSwtpm(this);
      aggregator = await WholeAggregator.launch(platform);
      whole = await aggregator.serve({ participants: 2, rounds: { count: ROUNDS }, parameters: PARAMETERS });
    });
    after(() => aggregator?.stop());

    it('is refused by who expects other code, and by who trusts the vendors alone', async () => {
      const { policy } = aggregator.enclave;
      const [accepted] = policy.enclaves;
      if (accepted === undefined) throw new Error('a policy without an enclave');
      expect(await whole.reasonsUnder(policy)).to.deep.equal([]);
      const measurements = mapValues(accepted.measurements, (value) => value.replaceAll(/./g, 'a'));
      const otherCode = { ...policy, enclaves: [{ ...accepted, measurements }] };
      expect(await whole.reasonsUnder(otherCode)).to.include('MEASUREMENT_MISMATCH');
      expect(await whole.reasonsUnder({ enclaves: policy.enclaves })).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    });

    it('is attested by everybody, ends with the mean of the updates, and leaves releases that verify offline', async () => {
      const { enclave } = aggregator;
      const taking = VALUES.map((value, index) => whole.takePart(index, { value }));
      const attested = await whole.start();
      expect(attested.claims.platform).to.equal(enclave.platform);
      expect(attested.emulated).to.equal(true);
      for (const weights of await Promise.all(taking)) {
        expect(weights).to.deep.equal(new Float32Array(PARAMETERS).fill(MEAN * ROUNDS));
      }
      const proofs = await whole.verifyReleases();
      expect(proofs.length).to.equal(ROUNDS + 1);
      for (const { claims, emulated } of proofs) {
        expect(emulated).to.equal(true);
        expect(claims.root.sha256).to.equal(enclave.rootSha256);
        expect(claims.measurements).to.include(enclave.policy.enclaves[0]?.measurements);
      }
    });
  });
}

function mapValues(
  record: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
