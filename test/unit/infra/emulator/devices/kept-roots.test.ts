import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { deviceMaker, EMULATED_PLATFORMS } from '#infra/emulator/devices/table.ts';
import type { Digests } from '#infra/emulator/measured.ts';
import { type AppraisalPolicy, parsePolicy } from '#shared/attestation/policy.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { requireSwtpm } from '#test/fakes/tee/swtpm.ts';

const SURROUNDINGS = { now: () => Date.now(), randomBytes: nodeCrypto.randomBytes };

function digestsOf(text: string): Digests {
  const digest = (name: string): Uint8Array => createHash(name).update(text).digest();
  return { sha256: digest('sha256'), sha384: digest('sha384') };
}

for (const platform of EMULATED_PLATFORMS) {
  describe(`the emulated device of ${platform}`, () => {
    let folder: string;
    before(async function () {
      if (platform === 'tpm-quote') requireSwtpm(this);
      folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    });
    after(async () => {
      if (folder !== undefined) await rm(folder, { recursive: true });
    });

    /** The policy of a device that is made, and closed at once. */
    async function policyOf(place: string, bundle: string): Promise<AppraisalPolicy> {
      const runFolder = await mkdtemp(join(folder, 'run-'));
      const measured = { bundle: digestsOf(bundle), runtime: digestsOf('a runtime') };
      const make = deviceMaker(platform);
      const device = await make({ folder: join(folder, place), runFolder, measured, surroundings: SURROUNDINGS });
      await device.close();
      return device.policy;
    }

    it('keeps its root, private to its owner, and states a policy that holds water', async () => {
      const first = await policyOf('one', 'a bundle');
      expect(parsePolicy(first)).to.deep.equal(first);
      expect(first.roots?.every(({ emulated }) => emulated)).to.equal(true);
      expect(await policyOf('one', 'a bundle')).to.deep.equal(first);
      expect((await policyOf('two', 'a bundle')).roots?.[0]?.sha256).to.not.equal(first.roots?.[0]?.sha256);
      expect((await stat(join(folder, 'one'))).mode & 0o777).to.equal(0o700);
    });

    it('names other measurements for another bundle', async () => {
      const [first, second] = [await policyOf('one', 'a bundle'), await policyOf('one', 'another')];
      expect(second.roots).to.deep.equal(first.roots);
      expect(second.enclaves[0]?.measurements).to.not.deep.equal(first.enclaves[0]?.measurements);
    });
  });
}
