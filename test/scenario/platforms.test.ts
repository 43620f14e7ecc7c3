import { expect } from 'chai';
import { EMULATED_PLATFORMS } from '#infra/emulator/devices/table.ts';
import { PARAMETERS } from '#test/fakes/aggregator/scene.ts';
import { WholeAggregator } from '#test/fakes/aggregator/whole-study.ts';
import { requireSwtpm } from '#test/fakes/tee/swtpm.ts';

const ROUNDS = 2;
/** What two participants add in each round; the mean is the middle, since both claim ten examples. */
const VALUES = [1, 4] as const;
const MEAN = 2.5;

for (const platform of EMULATED_PLATFORMS) {
  describe(`a whole study in the enclave bundle on the emulated device of ${platform}`, function () {
    this.timeout(30_000);
    let aggregator: WholeAggregator | undefined;

    before(function () {
      if (platform === 'tpm-quote') requireSwtpm(this);
    });
    after(() => aggregator?.stop());

    it('is attested by everybody, ends with the mean of the updates, and leaves releases that verify offline', async () => {
      aggregator = await WholeAggregator.launch(platform);
      const { enclave } = aggregator;
      const whole = await aggregator.serve({ participants: 2, rounds: { count: ROUNDS }, parameters: PARAMETERS });
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
