import { missingProvider, TSM_FOLDER, tsmReport } from './configfs-tsm.ts';
import type { AttesterDriver } from './driver.ts';
import { oneAtATime } from './one-at-a-time.ts';

/**
 * Intel TDX by the kernel's `tdx-guest` driver, which has the host's quoting service sign. Some hosts fill the quote up
 * with zeros: it is passed on as it came, and the verifier knows where it ends. The collateral is for the host to
 * collect (`cloister host --endorsements`).
 */
export const tdxAttester: AttesterDriver = {
  platform: 'intel-tdx',
  missing: (ports, { device = TSM_FOLDER }) => missingProvider(ports, device, 'tdx_guest'),
  async open(ports, { device = TSM_FOLDER }) {
    return oneAtATime('intel-tdx', ports, async (inblob) => {
      const { outblob } = await tsmReport(ports, { folder: device, inblob });
      return { document: outblob, endorsements: [] };
    });
  },
};
