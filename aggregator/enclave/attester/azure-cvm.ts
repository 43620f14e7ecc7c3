import { encodeAzureDocument } from '#shared/attestation/azure/document.ts';
import { HCL_BYTES_MAX, type HclReport, parseHclReport } from '#shared/attestation/azure/hcl.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { METADATA_SERVICE, tdQuoteOf, vcekChain } from './azure-metadata.ts';
import type { AttesterDriver, AttesterPorts } from './driver.ts';
import { attesterFailed } from './failure.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { missingFromTpm, quoteBy, withTpmTools } from './tpm-tools.ts';
import type { ToolFolder } from './transport/tools.ts';

/** Indices and handle of the vTPM that the paravisor of an Azure confidential VM keeps. */
const HCL_REPORT_INDEX = '0x01400001';
const USER_DATA_INDEX = '0x01400002';
const AK_HANDLE = '0x81000003';

/** In an SEV-SNP report, what decides which VCEK signed it: from REPORTED_TCB (offset 180h) to the end of CHIP_ID. */
const VCEK_IDENTITY = { from: 0x180, to: 0x1e0 } as const;

/** An Azure confidential VM, on SEV-SNP or TDX: the paravisor's hardware report, and a quote of its vTPM. */
export const azureCvmAttester: AttesterDriver = {
  platform: 'azure-cvm',
  missing: (ports, options) => missingFromTpm(ports, options, ['tpm2_nvreadpublic', HCL_REPORT_INDEX]),
  async open(ports, options) {
    const service = options.device ?? METADATA_SERVICE;
    const chainFor = chainSource(ports, service);
    return oneAtATime('azure-cvm', ports, async (qualifyingData) => {
      const { hcl, tpm } = await withTpmTools(ports, options, async (tools) => ({
        hcl: await readHclReport(tools, qualifyingData),
        tpm: await quoteBy(tools, AK_HANDLE, qualifyingData),
      }));
      const report = attempt(() => parseHclReport(hcl));
      if (report.kind === 'refused') throw attesterFailed(`NV index ${HCL_REPORT_INDEX}: ${report.reason.detail}`);
      const { hardware, hardwareReport } = report.value;
      if (hardware === 'SEV-SNP') {
        return { document: encodeAzureDocument({ hcl, tpm }), endorsements: await chainFor(hardwareReport) };
      }
      const tdQuote = await tdQuoteOf(ports, service, hardwareReport);
      return { document: encodeAzureDocument({ hcl, tdQuote, tpm }), endorsements: [] };
    });
  },
};

/**
 * The report of the paravisor, which makes it when it is read. Where somebody has defined the index for user data, it
 * holds what this request binds; it is the quote that proves it, so a VM without that index lacks nothing.
 */
async function readHclReport(tools: ToolFolder, userData: Uint8Array): Promise<Uint8Array> {
  const owner = ['-C', 'o'];
  await tools.write('user-data', userData);
  await tools.run('tpm2_nvwrite', ...owner, '-i', 'user-data', USER_DATA_INDEX).catch(() => undefined);
  await tools.run('tpm2_nvread', ...owner, '-o', 'hcl', HCL_REPORT_INDEX);
  return tools.read('hcl', HCL_BYTES_MAX);
}

/**
 * The processor's certificates, asked for once for each key: the service answers a few requests a second. Without an
 * answer there are none from here, since the host may have collected them too.
 */
function chainSource(
  ports: AttesterPorts,
  service: string,
): (report: HclReport['hardwareReport']) => Promise<readonly Endorsement[]> {
  let held: { readonly identity: string; readonly chain: readonly Endorsement[] } | undefined;
  return async (report) => {
    const identity = toHex(report.subarray(VCEK_IDENTITY.from, VCEK_IDENTITY.to));
    if (held?.identity === identity) return held.chain;
    try {
      held = { identity, chain: await vcekChain(ports, service) };
      return held.chain;
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      return [];
    }
  };
}
