import { createHash, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '#shared/bytes/bytes.ts';
import { hclReportOf, snpHardware, tdxHardware, type VmHardware } from '../azure/vm.ts';
import { serveTools } from '../azure-tools/server.ts';
import { VTPM_PROGRAMS, vtpmTools } from '../azure-tools/vtpm.ts';
import type { DeviceMaker, DevicePlace, EmulatedDevice } from '../device.ts';
import { issueSnpChip } from '../sev-snp/chip.ts';
import { listenOnLoopback } from '../socket.ts';
import { emulatedAk } from '../tpm/key.ts';
import { amdCrl, amdMinimums, amdRoot, keptAmdHierarchy } from './amd-chip.ts';
import { type AzureMetadata, azureMetadataService } from './azure-metadata.ts';
import { writeEndorsements } from './endorsement-files.ts';
import { intelMachine } from './intel-machine.ts';
import type { KernelFiles } from './kernel-device.ts';
import { BUNDLE_PCR, measuredBoot } from './measured-boot.ts';

/** What a confidential VM stands on. */
interface Host extends Pick<KernelFiles, 'root' | 'endorsements'> {
  readonly hardware: VmHardware;
  readonly metadata: AzureMetadata;
  /** Reference values of the paravisor and of the processor. */
  readonly accepted: KernelFiles['accepted'];
}

/** Launch digest of the paravisor, which is Azure's and the same for every customer. */
const PARAVISOR = new Uint8Array(createHash('sha384').update('EMULATED paravisor').digest());

/** Azure's confidential VM on AMD SEV-SNP. */
export const azureSnpDevice: DeviceMaker = async (place) => azureDevice(place, await snpHost(place));

/** Azure's confidential VM on Intel TDX. */
export const azureTdxDevice: DeviceMaker = async (place) => azureDevice(place, await tdxHost(place));

/**
 * A VM whose paravisor keeps a vTPM and shows the processor's report in it. The bundle is in register 11, as part of what
 * the VM boots.
 */
async function azureDevice({ runFolder, measured }: DevicePlace, host: Host): Promise<EmulatedDevice> {
  const { registers } = measuredBoot(measured.bundle);
  const ak = emulatedAk({ kind: 'rsa' });
  const hclReport = async (userData: Uint8Array) => hclReportOf(host.hardware, ak, userData);
  const scratch = join(runFolder, 'scratch');
  await mkdir(scratch, { mode: 0o700 });
  const endorsementsFolder = await writeEndorsements(runFolder, host.endorsements);
  const tools = await serveTools(VTPM_PROGRAMS, runFolder, vtpmTools({ ak, registers, hclReport }));
  const metadata = await listenOnLoopback(azureMetadataService(host.metadata));
  const platform = 'azure-cvm';
  const booted = { [`PCR${BUNDLE_PCR}`]: toHex(registers.read('sha256', BUNDLE_PCR)) };
  const { measurements, ...levels } = host.accepted;
  const attributes = { hardware: host.hardware.kind, secure_boot: true };
  return {
    platform,
    policy: {
      enclaves: [
        {
          name: 'the bundle that runs',
          platform,
          measurements: { ...measurements, ...booted },
          attributes,
          ...levels,
        },
      ],
      roots: [host.root],
    },
    // The tools need not be told where the vTPM is; saying something keeps the adapter from looking for a device file.
    flags: ['--attester', platform, '--device', `http://127.0.0.1:${metadata.port}`, '--tpm-tcti', 'emulated'],
    socketPath: tools.socketPath,
    access: { programs: tools.programs, scratch },
    endorsementsFolder,
    async close() {
      await Promise.all([tools.close(), metadata.close()]);
    },
  };
}

async function snpHost({ folder, surroundings }: DevicePlace): Promise<Host> {
  const hierarchy = await keptAmdHierarchy(folder, surroundings);
  const chip = issueSnpChip(hierarchy, surroundings);
  const chain = [hierarchy.ask, hierarchy.ark].map(({ certificate }) => pemOf(certificate)).join('');
  return {
    hardware: snpHardware(chip, { measurement: PARAVISOR }),
    metadata: { snpCertificates: { vcek: pemOf(chip.certificate), chain } },
    accepted: { measurements: { MEASUREMENT: toHex(PARAVISOR) }, minimums: amdMinimums(chip) },
    root: amdRoot(hierarchy),
    endorsements: { 'emulated-ark': amdCrl(hierarchy, surroundings) },
  };
}

async function tdxHost(place: DevicePlace): Promise<Host> {
  const { machine, collateral, root } = await intelMachine('TDX', place);
  const hardware = tdxHardware(machine, { mrTd: PARAVISOR });
  const { quote } = hardware;
  return {
    hardware,
    metadata: quote === undefined ? {} : { tdQuote: quote },
    accepted: { measurements: { MRTD: toHex(PARAVISOR) } },
    root,
    endorsements: { 'emulated-tdx': collateral },
  };
}

function pemOf(der: Uint8Array): string {
  return new X509Certificate(der).toString();
}
