import { expect } from 'chai';
import { ATTESTERS, AUTO, chooseAttester } from '#enclave/attester/attesters.ts';
import { TSM_FOLDER } from '#enclave/attester/configfs-tsm.ts';
import { configfsTsm } from '#infra/emulator/kernel/configfs-tsm.ts';
import { GRAMINE_ROOT, gramineAttestation } from '#infra/emulator/kernel/gramine-attestation.ts';
import type { Mount } from '#infra/emulator/kernel/kernel.ts';
import { isPlatform } from '#shared/attestation/platforms.ts';
import { Fault } from '#shared/fault/fault.ts';
import { attesterMissing, emulatedFiles, emulatedPorts } from '#test/fakes/tee/emulated-devices.ts';

const SNP: Mount = {
  root: TSM_FOLDER,
  tree: configfsTsm({
    name: 'sev_guest',
    hasPrivilegeLevels: true,
    report: async () => ({ outblob: new Uint8Array(1184), auxblob: new Uint8Array(0) }),
  }),
};
const GRAMINE: Mount = { root: GRAMINE_ROOT, tree: gramineAttestation(async () => new Uint8Array(4700)) };

describe('chooseAttester', () => {
  const choose = (name: string, mounts: readonly Mount[] = [], options = {}) =>
    chooseAttester(name, options, emulatedPorts({ files: emulatedFiles(mounts) }));
  const misuse = async (work: Promise<unknown>): Promise<string> => {
    const outcome = await work.catch((error: unknown) => error);
    if (outcome instanceof Fault && outcome.code === 'CONFIG_INVALID') return outcome.message;
    throw new Error('expected CONFIG_INVALID', { cause: outcome });
  };

  it('takes the one that is present', async () => {
    expect((await choose(AUTO, [SNP])).platform).to.equal('amd-sev-snp');
    expect((await choose(AUTO, [GRAMINE])).platform).to.equal('intel-sgx');
  });

  it('takes the first of several in the order of the table', async () => {
    expect((await choose(AUTO, [SNP, GRAMINE])).platform).to.equal('intel-sgx');
    expect(ATTESTERS.indexOf('intel-sgx')).to.be.below(ATTESTERS.indexOf('amd-sev-snp'));
    expect(ATTESTERS.at(-1)).to.equal('tpm-quote');
  });

  it('takes the one that is named, whatever else is present', async () => {
    expect((await choose('amd-sev-snp', [SNP, GRAMINE])).platform).to.equal('amd-sev-snp');
  });

  it('says for each platform what was looked for when none is present', async () => {
    const message = await attesterMissing(choose(AUTO));
    for (const platform of ATTESTERS) expect(message).to.match(new RegExp(`^ {2}${platform}: .+`, 'm'));
    expect(message).to.include('there is no /dev/attestation/attestation_type');
    expect(message).to.include(`there is no ${TSM_FOLDER}`);
  });

  it('says what is missing of the one that is named, and does not take another', async () => {
    const message = await attesterMissing(choose('intel-tdx', [SNP, GRAMINE]));
    expect(message).to.include('intel-tdx: ').and.include('sev_guest, not by tdx_guest');
    expect(message).to.not.include('amd-sev-snp');
  });

  it('opens the Nitro relay that is named without looking at its socket', async () => {
    expect((await choose('aws-nitro', [], { device: '/run/nsm.sock' })).platform).to.equal('aws-nitro');
    expect(await attesterMissing(choose('aws-nitro'))).to.include('there is no /run/cloister/nsm.sock');
  });

  it('refuses a name that no adapter has', async () => {
    const message = await misuse(choose('azure-maa-jwt'));
    expect(message).to.include('found azure-maa-jwt, expected one of auto, aws-nitro');
  });

  it('refuses a device without the platform that it is of', async () => {
    expect(await misuse(choose(AUTO, [SNP], { device: TSM_FOLDER }))).to.include('--device names one device');
  });

  it('knows platforms only whose evidence can be verified', () => {
    expect(ATTESTERS.filter((name) => !isPlatform(name))).to.deep.equal([]);
    expect(new Set(ATTESTERS).size).to.equal(ATTESTERS.length);
  });
});
