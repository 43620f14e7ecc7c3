import { expect } from 'chai';
import { ATTESTERS } from '#enclave/attester/attesters.ts';
import { settingsFrom, USAGE } from '#enclave/settings.ts';
import { Fault } from '#shared/fault/fault.ts';

const NEEDED = ['--listen', '/run/p.sock', '--boundary', '/run/b.sock'];
const NO_DEVICE = {
  device: undefined,
  tcti: undefined,
  tpmKey: undefined,
  eventLog: undefined,
  vmpl: undefined,
  audience: undefined,
};

describe("the enclave's command line", () => {
  const read = (...more: readonly string[]) => {
    const settings = settingsFrom([...NEEDED, ...more], {});
    if (settings === 'help') throw new Error('help was not asked for');
    return settings;
  };
  const refusal = (...args: readonly string[]): string => {
    try {
      settingsFrom(args, {});
    } catch (error) {
      if (error instanceof Fault && error.code === 'CONFIG_INVALID') return error.message;
    }
    throw new Error('expected CONFIG_INVALID');
  };

  it('asks for sockets only, and looks for the device itself', () => {
    expect(read()).to.deep.equal({
      listen: '/run/p.sock',
      boundary: '/run/b.sock',
      attester: 'auto',
      device: NO_DEVICE,
      stagingBytes: 64 * 1024 * 1024,
      chunkBytes: 512 * 1024,
      connectionsMax: 4096,
    });
    expect(settingsFrom(['--listen', '8443', '--boundary', 'b'], {})).to.include({ listen: 8443 });
  });

  it('takes the socket of the Nitro relay for the device and where it is', () => {
    const { attester, device } = read('--nsm', '/run/nsm.sock');
    expect({ attester, device }).to.deep.equal({
      attester: 'aws-nitro',
      device: { ...NO_DEVICE, device: '/run/nsm.sock' },
    });
  });

  it('passes on all that is said about a device', () => {
    const flags = ['--attester', 'tpm-quote', '--device', 'd', '--vmpl', '2', '--tpm-key', '0x81010002'];
    const { attester, device } = read(...flags, '--tpm-tcti', 't', '--tpm-event-log', 'l', '--audience', 'a');
    expect(attester).to.equal('tpm-quote');
    expect(device).to.deep.equal({
      device: 'd',
      vmpl: 2,
      tpmKey: '0x81010002',
      tcti: 't',
      eventLog: 'l',
      audience: 'a',
    });
  });

  it("takes the TCTI from tpm2-tools' own variable when no flag says it", () => {
    const environment = { TPM2TOOLS_TCTI: 'swtpm:' };
    expect(settingsFrom(NEEDED, environment)).to.have.nested.property('device.tcti', 'swtpm:');
    expect(settingsFrom([...NEEDED, '--tpm-tcti', 'x'], environment)).to.have.nested.property('device.tcti', 'x');
  });

  it('shows every device in its help', () => {
    expect(settingsFrom(['--help'], {})).to.equal('help');
    for (const platform of ATTESTERS) expect(USAGE).to.include(platform);
  });

  for (const [what, args, words] of [
    ['no sockets', [], '--listen and --boundary are needed'],
    ['an unknown flag', [...NEEDED, '--what'], '--help'],
    ['two devices', [...NEEDED, '--nsm', 'a', '--device', 'b'], '--nsm says both'],
    ['a device named twice', [...NEEDED, '--nsm', 'a', '--attester', 'auto'], '--nsm says both'],
    ['a privilege level that there is not', [...NEEDED, '--vmpl', '4'], '--vmpl: found 4, expected an integer'],
    ['a size that is no number', [...NEEDED, '--staging-mib', 'x'], '--staging-mib: found x'],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(refusal(...args)).to.include(words);
    });
  }
});
