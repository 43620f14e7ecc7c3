import { EMPTY } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { mintQuote } from '../intel/quote.ts';
import { tdReport } from '../intel/report.ts';
import { configfsTsm, TSM_ROOT } from '../kernel/configfs-tsm.ts';
import { intelMachine } from './intel-machine.ts';
import { kernelDevice } from './kernel-device.ts';
import { domainMeasurements, trustDomain } from './trust-domain.ts';

/** Hosts hand quotes over in a buffer of this size, with zeros behind the end. */
const QUOTE_BUFFER_BYTES = 8000;

/** Intel TDX: a guest whose kernel shows its quotes in configfs. The collateral goes to the host. */
export const tdxDevice: DeviceMaker = async (place) => {
  const { machine, collateral, root } = await intelMachine('TDX', place);
  const domain = trustDomain(place.measured);
  const tree = configfsTsm({
    name: 'tdx_guest',
    hasPrivilegeLevels: false,
    report: async (reportData) => {
      const quote = await mintQuote(machine, { version: 4, report: tdReport({ ...domain, reportData }) });
      const outblob = new Uint8Array(QUOTE_BUFFER_BYTES);
      outblob.set(quote);
      return { outblob, auxblob: EMPTY };
    },
  });
  return kernelDevice(place, {
    platform: 'intel-tdx',
    mount: { root: TSM_ROOT, tree },
    accepted: { measurements: domainMeasurements(domain) },
    root,
    endorsements: { 'emulated-tdx': collateral },
  });
};
