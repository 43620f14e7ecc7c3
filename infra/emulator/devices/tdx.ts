import { join } from 'node:path';
import { EMPTY } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { mintQuote } from '../intel/quote.ts';
import { tdReport } from '../intel/report.ts';
import { configfsTsm, TSM_ROOT } from '../kernel/configfs-tsm.ts';
import { preloadFlags, serveKernel } from '../kernel/server.ts';
import { writeEndorsements } from './endorsement-files.ts';
import { intelMachine } from './intel-machine.ts';
import { domainMeasurements, trustDomain } from './trust-domain.ts';

/** Hosts hand quotes over in a buffer of this size, with zeros behind the end. */
const QUOTE_BUFFER_BYTES = 8000;

/** Intel TDX: a guest whose kernel shows its quotes in configfs. The collateral goes to the host. */
export const tdxDevice: DeviceMaker = async (place) => {
  const { machine, collateral, rootSha256 } = await intelMachine('TDX', place);
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
  const endorsementsFolder = await writeEndorsements(place.runFolder, { 'emulated-tdx': collateral });
  const kernel = await serveKernel([{ root: TSM_ROOT, tree }], join(place.runFolder, 'kernel.sock'));
  const platform = 'intel-tdx';
  return {
    platform,
    policy: {
      enclaves: [{ name: 'the bundle that runs', platform, measurements: domainMeasurements(domain) }],
      roots: [{ name: 'EMULATED Intel root of this machine', platform, sha256: rootSha256, emulated: true }],
    },
    flags: ['--attester', platform],
    socketPath: kernel.socketPath,
    access: { nodeFlags: preloadFlags(kernel) },
    endorsementsFolder,
    close: kernel.close,
  };
};
