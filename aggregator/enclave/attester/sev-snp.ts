import { missingProvider, TSM_FOLDER, tsmReport } from './configfs-tsm.ts';
import type { AttesterDriver } from './driver.ts';
import { attesterFailed } from './failure.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** ATTESTATION_REPORT (AMD 56860, table 23); the kernel has taken the message header off. */
const REPORT_BYTES = 1184;

/**
 * AMD SEV-SNP by the kernel's `sev-guest` driver. The certificates that the host keeps for its guests come along; a
 * host that keeps none leaves them to its own endorsements (`cloister host --endorsements`).
 */
export const sevSnpAttester: AttesterDriver = {
  platform: 'amd-sev-snp',
  missing: (ports, { device = TSM_FOLDER }) => missingProvider(ports, device, 'sev_guest'),
  async open(ports, { device = TSM_FOLDER, vmpl }) {
    const level = vmpl === undefined ? {} : { privlevel: vmpl };
    return oneAtATime('amd-sev-snp', ports, async (inblob) => {
      const { outblob, auxblob } = await tsmReport(ports, { folder: device, inblob, ...level });
      if (outblob.length !== REPORT_BYTES) {
        throw attesterFailed(`a report of ${outblob.length} bytes, expected ${REPORT_BYTES}`);
      }
      const endorsements = auxblob.length === 0 ? [] : [{ kind: 'snp-certificate-table' as const, bytes: auxblob }];
      return { document: outblob, endorsements };
    });
  },
};
