import { toHex } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { configfsTsm, TSM_ROOT } from '../kernel/configfs-tsm.ts';
import { certificateTableOf } from '../sev-snp/certificate-table.ts';
import { issueSnpChip } from '../sev-snp/chip.ts';
import { mintSnpReport } from '../sev-snp/report.ts';
import { amdCrl, amdMinimums, amdRoot, keptAmdHierarchy } from './amd-chip.ts';
import { kernelDevice } from './kernel-device.ts';

/**
 * AMD SEV-SNP: a guest whose kernel shows its reports in configfs, with the certificate table that a well-kept host hands
 * over. The bundle is the launch digest. AMD's revocation list goes to the host, as its operator would fetch it.
 */
export const sevSnpDevice: DeviceMaker = async (place) => {
  const { folder, measured, surroundings } = place;
  const hierarchy = await keptAmdHierarchy(folder, surroundings);
  const chip = issueSnpChip(hierarchy, surroundings);
  const measurement = measured.bundle.sha384;
  const auxblob = certificateTableOf(chip);
  const tree = configfsTsm({
    name: 'sev_guest',
    hasPrivilegeLevels: true,
    report: async (reportData, vmpl) => ({ outblob: mintSnpReport(chip, { reportData, measurement, vmpl }), auxblob }),
  });
  return kernelDevice(place, {
    platform: 'amd-sev-snp',
    mount: { root: TSM_ROOT, tree },
    accepted: { measurements: { MEASUREMENT: toHex(measurement) }, minimums: amdMinimums(chip) },
    root: amdRoot(hierarchy),
    endorsements: { 'emulated-ark': amdCrl(hierarchy, surroundings) },
  });
};
