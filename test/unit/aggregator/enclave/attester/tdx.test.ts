import { expect } from 'chai';
import { TSM_FOLDER } from '#enclave/attester/configfs-tsm.ts';
import { tdxAttester } from '#enclave/attester/tdx.ts';
import { configfsTsm } from '#infra/emulator/kernel/configfs-tsm.ts';
import { concat } from '#shared/bytes/bytes.ts';
import { emulatedFiles, emulatedPorts } from '#test/fakes/tee/emulated-devices.ts';

const REPORT_DATA = new Uint8Array(64).fill(5);
/** As long as hosts make them that fill quotes up. */
const PADDED = concat(new Uint8Array(568).fill(3), REPORT_DATA, new Uint8Array(4_268).fill(3), new Uint8Array(3_100));

describe('tdxAttester', () => {
  let asked: Uint8Array[];
  const ports = (name = 'tdx_guest', root = TSM_FOLDER) => {
    asked = [];
    const report = async (inblob: Uint8Array) => {
      asked.push(inblob);
      return { outblob: PADDED, auxblob: new Uint8Array(0) };
    };
    const tree = configfsTsm({ name, hasPrivilegeLevels: false, report });
    return emulatedPorts({ files: emulatedFiles([{ root, tree }]) });
  };

  it('gives the quote over the report data as it came, with the zeros of the host', async () => {
    const attester = await tdxAttester.open(ports(), {});
    expect(await attester.attest(REPORT_DATA)).to.deep.equal({ document: PADDED, endorsements: [] });
    expect(asked).to.deep.equal([REPORT_DATA]);
  });

  it('looks where it is told', async () => {
    const attester = await tdxAttester.open(ports('tdx_guest', '/config'), { device: '/config' });
    expect((await attester.attest(REPORT_DATA)).document).to.deep.equal(PADDED);
    expect(await tdxAttester.missing(ports('tdx_guest', '/config'), { device: '/config' })).to.equal(undefined);
  });

  it('misses a driver of TDX where another one serves', async () => {
    expect(await tdxAttester.missing(ports(), {})).to.equal(undefined);
    expect(await tdxAttester.missing(ports('sev_guest'), {})).to.include('sev_guest, not by tdx_guest');
  });
});
