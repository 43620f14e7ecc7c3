import { expect } from 'chai';
import { ATTESTERS, AUTO } from '#enclave/attester/attesters.ts';
import { accessFlags, deviceAccess, withNamedPaths } from '#infra/device-access.ts';

describe('what an enclave may reach of its machine', () => {
  it('is known for every device, and for no other name', () => {
    for (const name of ATTESTERS) expect(deviceAccess(name), name).to.not.equal(undefined);
    expect(deviceAccess('azure-maa-jwt')).to.equal(undefined);
    expect(deviceAccess('toString')).to.equal(undefined);
  });

  it('is what any device needs where the device is to be found', () => {
    const all = deviceAccess(AUTO);
    for (const name of ATTESTERS) {
      const { read = [], write = [] } = deviceAccess(name) ?? {};
      expect(all?.read).to.include.members([...read]);
      expect(all?.write).to.include.members([...write]);
    }
    expect(all?.programs).to.equal(true);
  });

  it('is the place that the enclave is told as well, and no address of a service', () => {
    const access = deviceAccess('amd-sev-snp');
    if (access === undefined) throw new Error('a device that is known');
    const told = withNamedPaths(access, ['--vmpl', '1', '--device', '/tsm', '--tpm-event-log=/log', '--listen', 'a']);
    expect(told.read).to.deep.equal([...access.read, '/tsm', '/log']);
    expect(told.write).to.deep.equal([...access.write, '/tsm']);
    expect(withNamedPaths(access, ['--device', 'http://169.254.169.254'])).to.deep.equal(access);
  });

  it('is no program and no folder for a device that needs none', () => {
    const access = deviceAccess('intel-tdx');
    if (access === undefined) throw new Error('a device that is known');
    expect(accessFlags(access, undefined)).to.deep.equal([
      '--allow-fs-read=/sys/kernel/config/tsm/report',
      '--allow-fs-write=/sys/kernel/config/tsm/report',
    ]);
  });

  it('is a folder of its own, and programs, for a TPM', () => {
    const access = deviceAccess('tpm-quote');
    if (access === undefined) throw new Error('a device that is known');
    const flags = accessFlags(access, '/tmp/s');
    expect(flags).to.include.members(['--allow-fs-read=/tmp/s', '--allow-fs-write=/tmp/s', '--allow-child-process']);
    expect(flags.filter((flag) => flag.startsWith('--allow-fs-write'))).to.have.length(1);
  });
});
