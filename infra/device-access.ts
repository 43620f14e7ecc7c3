import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** What an enclave must reach of its machine for evidence; Node's permission model closes all else. */
export interface DeviceAccess {
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Whether tpm2-tools are run. Child processes are not bound by the permission model. */
  readonly programs: boolean;
}

const TSM = '/sys/kernel/config/tsm/report';
/** Files by name: Node takes a folder for one only when it is there. */
const GRAMINE = {
  read: ['/dev/attestation/attestation_type', '/dev/attestation/quote'],
  write: ['/dev/attestation/user_report_data'],
};
const TPM = ['/dev/tpmrm0', '/sys/kernel/security/tpm0/binary_bios_measurements'];

/** By the names of the enclave's `--attester`. */
const DEVICES: Readonly<Record<string, DeviceAccess>> = {
  'aws-nitro': { read: ['/run/cloister/nsm.sock'], write: [], programs: false },
  'gcp-confidential-space': { read: ['/run/container_launcher/teeserver.sock'], write: [], programs: false },
  'intel-sgx': { ...GRAMINE, programs: false },
  'amd-sev-snp': { read: [TSM], write: [TSM], programs: false },
  'intel-tdx': { read: [TSM], write: [TSM], programs: false },
  'azure-cvm': { read: TPM, write: [], programs: true },
  'tpm-quote': { read: TPM, write: [], programs: true },
};

/** Names that {@link deviceAccess} knows besides `auto`. */
export const ACCESSIBLE_DEVICES: readonly string[] = Object.keys(DEVICES);

/** What the device `attester` needs; for `auto` what any may need, and `undefined` for a name that is none. */
export function deviceAccess(attester: string): DeviceAccess | undefined {
  if (attester !== 'auto') return Object.hasOwn(DEVICES, attester) ? DEVICES[attester] : undefined;
  const all = Object.values(DEVICES);
  return {
    read: [...new Set(all.flatMap(({ read }) => read))],
    write: [...new Set(all.flatMap(({ write }) => write))],
    programs: true,
  };
}

/**
 * The same with what the enclave's own arguments `args` name: a device in another place, which may have to be written to
 * for an answer, and a log. The address of a service is no path.
 */
export function withNamedPaths(access: DeviceAccess, args: readonly string[]): DeviceAccess {
  const text = { type: 'string' } as const;
  const options = { device: text, 'tpm-event-log': text };
  const { values } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true });
  const { device, 'tpm-event-log': log } = values;
  const devices = typeof device === 'string' && !URL.canParse(device) ? [resolve(device)] : [];
  const logs = typeof log === 'string' ? [resolve(log)] : [];
  return { ...access, read: [...access.read, ...devices, ...logs], write: [...access.write, ...devices] };
}

/** Node's flags for it. `scratch` is a folder for the files of programs, where any are run. */
export function accessFlags({ read, write }: DeviceAccess, scratch: string | undefined): readonly string[] {
  const own = scratch === undefined ? [] : [scratch];
  return [
    ...[...read, ...own].map((path) => `--allow-fs-read=${path}`),
    ...[...write, ...own].map((path) => `--allow-fs-write=${path}`),
    ...(scratch === undefined ? [] : ['--allow-child-process', '--disable-warning=PERM0002']),
  ];
}
