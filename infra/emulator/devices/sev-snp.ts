import { join } from 'node:path';
import { toHex } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { configfsTsm, TSM_ROOT } from '../kernel/configfs-tsm.ts';
import { preloadFlags, serveKernel } from '../kernel/server.ts';
import { certificateTableOf } from '../sev-snp/certificate-table.ts';
import { issueSnpChip } from '../sev-snp/chip.ts';
import { mintAmdCrl } from '../sev-snp/hierarchy.ts';
import { loadOrCreateAmdHierarchy } from '../sev-snp/kept-hierarchy.ts';
import { mintSnpReport } from '../sev-snp/report.ts';
import { writeEndorsements } from './endorsement-files.ts';

/** What chip is played. */
export const EMULATED_PRODUCT = 'Genoa';
const HOUR_MS = 3_600_000;
const CRL_VALID_MS = 30 * 24 * HOUR_MS;

/**
 * AMD SEV-SNP: a guest whose kernel shows its reports in configfs, with the certificate table that a well-kept host hands
 * over. The bundle is the launch digest. AMD's revocation list goes to the host, as its operator would fetch it.
 */
export const sevSnpDevice: DeviceMaker = async ({ folder, runFolder, measured, surroundings }) => {
  const hierarchy = await loadOrCreateAmdHierarchy(folder, EMULATED_PRODUCT, surroundings);
  const chip = issueSnpChip(hierarchy, surroundings);
  const measurement = measured.bundle.sha384;
  const auxblob = certificateTableOf(chip);
  const tree = configfsTsm({
    name: 'sev_guest',
    hasPrivilegeLevels: true,
    report: async (reportData, vmpl) => ({ outblob: mintSnpReport(chip, { reportData, measurement, vmpl }), auxblob }),
  });
  const kernel = await serveKernel([{ root: TSM_ROOT, tree }], join(runFolder, 'kernel.sock'));
  const nowMs = surroundings.now();
  const crl = mintAmdCrl(hierarchy.ark, { validMs: [nowMs - HOUR_MS, nowMs + CRL_VALID_MS] });
  const platform = 'amd-sev-snp';
  const minimums = Object.fromEntries(Object.entries(chip.tcb).map(([component, svn]) => [`tcb.${component}`, svn]));
  const measurements = { MEASUREMENT: toHex(measurement) };
  return {
    platform,
    policy: {
      enclaves: [{ name: 'the bundle that runs', platform, measurements, minimums }],
      roots: [{ name: 'EMULATED AMD root of this machine', platform, sha256: hierarchy.sha256, emulated: true }],
    },
    flags: ['--attester', platform],
    socketPath: kernel.socketPath,
    access: { nodeFlags: preloadFlags(kernel) },
    endorsementsFolder: await writeEndorsements(runFolder, { 'emulated-ark': { kind: 'crl', bytes: crl } }),
    close: kernel.close,
  };
};
