import { expect } from 'chai';
import { TSM_FOLDER } from '#enclave/attester/configfs-tsm.ts';
import type { AttesterOptions } from '#enclave/attester/driver.ts';
import { sevSnpAttester } from '#enclave/attester/sev-snp.ts';
import { configfsTsm, type TsmProvider } from '#infra/emulator/kernel/configfs-tsm.ts';
import { attesterFailure, emulatedFiles, emulatedPorts } from '#test/fakes/tee/emulated-devices.ts';

const REPORT_DATA = new Uint8Array(64).fill(5);
/** REPORT_DATA is at offset 50h. */
const REPORT = new Uint8Array(1184).fill(1).fill(5, 0x50, 0x90);
const TABLE = new Uint8Array(6000).fill(2);

describe('sevSnpAttester', () => {
  let report: TsmProvider['report'];
  let asked: { readonly inblob: Uint8Array; readonly level: number }[];
  beforeEach(() => {
    asked = [];
    report = async (inblob, level) => {
      asked.push({ inblob, level });
      return { outblob: REPORT, auxblob: TABLE };
    };
  });

  const ports = (root = TSM_FOLDER, name = 'sev_guest') => {
    const tree = configfsTsm({ name, hasPrivilegeLevels: true, report: (inblob, level) => report(inblob, level) });
    return emulatedPorts({ files: emulatedFiles([{ root, tree }]) });
  };
  const attest = async (options: AttesterOptions = {}, root?: string) =>
    (await sevSnpAttester.open(ports(root), options)).attest(REPORT_DATA);

  it('gives the report over the report data, and the certificates that the host keeps', async () => {
    const endorsements = [{ kind: 'snp-certificate-table', bytes: TABLE }];
    expect(await attest()).to.deep.equal({ document: REPORT, endorsements });
    expect(asked).to.deep.equal([{ inblob: REPORT_DATA, level: 0 }]);
  });

  it('gives no endorsement when the host keeps no certificates', async () => {
    report = async () => ({ outblob: REPORT, auxblob: new Uint8Array(0) });
    expect((await attest()).endorsements).to.deep.equal([]);
  });

  it('asks for the privilege level, and at the place, that it is told', async () => {
    await attest({ vmpl: 1, device: '/config/report' }, '/config/report');
    expect(asked.map(({ level }) => level)).to.deep.equal([1]);
  });

  for (const length of [1183, 1185]) {
    it(`fails on a report of ${length} bytes`, async () => {
      report = async () => ({ outblob: new Uint8Array(length), auxblob: TABLE });
      expect(await attesterFailure(attest())).to.include(`a report of ${length} bytes, expected 1184`);
    });
  }

  it('misses a driver of SEV-SNP where another one serves, or at another place', async () => {
    expect(await sevSnpAttester.missing(ports(), {})).to.equal(undefined);
    expect(await sevSnpAttester.missing(ports(TSM_FOLDER, 'tdx_guest'), {})).to.include('tdx_guest, not by sev_guest');
    expect(await sevSnpAttester.missing(ports(), { device: '/config' })).to.equal('there is no /config');
  });
});
