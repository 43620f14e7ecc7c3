import { join } from 'node:path';
import { toHex } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { configfsTsm, TSM_ROOT } from '../kernel/configfs-tsm.ts';
import { preloadFlags, serveKernel } from '../kernel/server.ts';
import { certificateTableOf } from '../sev-snp/certificate-table.ts';
import { issueSnpChip } from '../sev-snp/chip.ts';
import { mintSnpReport } from '../sev-snp/report.ts';
import { amdCrl, amdMinimums, keptAmdHierarchy } from './amd-chip.ts';
import { writeEndorsements } from './endorsement-files.ts';

/**
 * AMD SEV-SNP: a guest whose kernel shows its reports in configfs, with the certificate table that a well-kept host hands
 * over. The bundle is the launch digest. AMD's revocation list goes to the host, as its operator would fetch it.
 */
export const sevSnpDevice: DeviceMaker = async ({ folder, runFolder, measured, surroundings }) => {
  const hierarchy = await keptAmdHierarchy(folder, surroundings);
  const chip = issueSnpChip(hierarchy, surroundings);
  const measurement = measured.bundle.sha384;
  const auxblob = certificateTableOf(chip);
  const tree = configfsTsm({
    name: 'sev_guest',
    hasPrivilegeLevels: true,
    report: async (reportData, vmpl) => ({ outblob: mintSnpReport(chip, { reportData, measurement, vmpl }), auxblob }),
  });
  const endorsementsFolder = await writeEndorsements(runFolder, { 'emulated-ark': amdCrl(hierarchy, surroundings) });
  const kernel = await serveKernel([{ root: TSM_ROOT, tree }], join(runFolder, 'kernel.sock'));
  const platform = 'amd-sev-snp';
  const measurements = { MEASUREMENT: toHex(measurement) };
  return {
    platform,
    policy: {
      enclaves: [{ name: 'the bundle that runs', platform, measurements, minimums: amdMinimums(chip) }],
      roots: [{ name: 'EMULATED AMD root of this machine', platform, sha256: hierarchy.sha256, emulated: true }],
    },
    flags: ['--attester', platform],
    socketPath: kernel.socketPath,
    access: { nodeFlags: preloadFlags(kernel) },
    endorsementsFolder,
    close: kernel.close,
  };
};
