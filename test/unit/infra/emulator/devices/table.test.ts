import { expect } from 'chai';
import { ATTESTERS } from '#enclave/attester/attesters.ts';
import { DEFAULT_PLATFORM, deviceMaker, EMULATED_PLATFORMS } from '#infra/emulator/devices/table.ts';
import { Fault } from '#shared/fault/fault.ts';

describe('the table of emulated devices', () => {
  it('has a device for every platform on which an enclave can make evidence', () => {
    expect(EMULATED_PLATFORMS).to.include.members([...ATTESTERS]);
  });

  it('has the one that is played by default', () => {
    expect(EMULATED_PLATFORMS).to.include(DEFAULT_PLATFORM);
  });

  for (const name of ['abacus', '', 'toString']) {
    it(`refuses the name ${JSON.stringify(name)}, and says which there are`, () => {
      expect(() => deviceMaker(name))
        .to.throw(Fault, EMULATED_PLATFORMS.join(', '))
        .with.property('code', 'CONFIG_INVALID');
    });
  }
});
