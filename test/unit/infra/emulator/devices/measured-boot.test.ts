import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { BOOT_BANKS, BUNDLE_PCR, measuredBoot } from '#infra/emulator/devices/measured-boot.ts';
import { parseEventLog } from '#shared/attestation/tpm/event-log.ts';
import { replay } from '#shared/attestation/tpm/replay.ts';
import { secureBootOf } from '#shared/attestation/tpm/secure-boot.ts';
import { concat } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

const hash = (name: string, ...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash(name)
      .update(concat(...parts))
      .digest(),
  );
const TEXT = Buffer.from('a bundle');
const BUNDLE = { sha256: hash('sha256', TEXT), sha384: hash('sha384', TEXT) };

describe('measuredBoot', () => {
  const boot = measuredBoot(BUNDLE);

  for (const bank of BOOT_BANKS) {
    it(`extends the ${bank} digest of the bundle into a register that nothing else uses`, () => {
      const digest = BUNDLE[bank];
      const wanted = hash(bank, new Uint8Array(digest.length), digest);
      expect(boot.registers.read(bank, BUNDLE_PCR)).to.deep.equal(wanted);
    });

    it(`keeps a log that leads to every ${bank} register, and proves Secure Boot`, () => {
      const log = parseEventLog(boot.log);
      const replayed = replay(log, bank, nodeCrypto);
      expect([...replayed.keys()]).to.include.members([0, 4, 7, 8, BUNDLE_PCR]);
      for (const [index, value] of replayed) expect(value).to.deep.equal(boot.registers.read(bank, index));
      expect(secureBootOf(log, bank, nodeCrypto)).to.equal(true);
    });
  }
});
