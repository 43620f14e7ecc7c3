import { parseArgs } from 'node:util';
import { Fault } from '#shared/fault/fault.ts';
import { LIMITS } from '#shared/protocol/limits.ts';
import { ATTESTERS, AUTO } from './attester/attesters.ts';
import type { AttesterOptions } from './attester/driver.ts';

/** What `--help` prints. */
export const USAGE = `cloister enclave: the trusted part of the aggregator

  --listen PATH|PORT    where participants' connections arrive (a unix socket, or a loopback port)
  --boundary PATH       unix socket on which the host connects
  --attester NAME       the device that vouches for this enclave (default auto: the first that is present of
                        ${ATTESTERS.slice(0, 4).join(', ')},
                        ${ATTESTERS.slice(4).join(', ')})
  --nsm PATH            the same as --attester aws-nitro --device PATH: the unix socket of the Nitro Secure Module
                        (infra/nitro/nsm-bridge.pl, or the emulator)
  --device PATH         where the device is, if not at its usual place: the folder of configfs-tsm or of Gramine's
                        /dev/attestation, a unix socket, or the URL of Azure's metadata service
  --vmpl N              privilege level that an SEV-SNP report is asked for, 0 to 3 (the kernel's choice by default)
  --tpm-key HANDLE      persistent attestation key of a TPM, such as 0x81010002 (by default one is made at each start)
  --tpm-tcti TCTI       how tpm2-tools reach the TPM (default device:/dev/tpmrm0, or TPM2TOOLS_TCTI)
  --tpm-event-log PATH  measurement log of the boot (default binary_bios_measurements of the first TPM)
  --audience TEXT       audience of the tokens of Google Confidential Space
  --staging-mib N       memory for uploads in flight, MiB a study (default 64; at least one upload is staged)
  --chunk-kib N         size of update chunks, KiB (default 512, at most 1024)
  --connections N       most participants connected at once (default 4096)
`;

/** What the command line says. */
export interface Settings {
  readonly listen: string | number;
  readonly boundary: string;
  readonly attester: string;
  readonly device: AttesterOptions;
  readonly stagingBytes: number;
  readonly chunkBytes: number;
  readonly connectionsMax: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const MIB = 1024 * 1024;
const VMPL_MAX = 3;

/** Reads the command line; `help` when it asks for that. Throws `CONFIG_INVALID`. */
export function settingsFrom(args: readonly string[], environment: Environment): Settings | 'help' {
  const values = flagsOf(args);
  if (values.help === true) return 'help';
  const { listen, boundary } = values;
  if (listen === undefined || boundary === undefined) throw invalid('--listen and --boundary are needed; see --help');
  return {
    listen: /^\d+$/.test(listen) ? Number(listen) : listen,
    boundary,
    ...deviceFrom(values, environment),
    stagingBytes: integer('staging-mib', values['staging-mib'], 1, 1 << 20) * MIB,
    chunkBytes:
      integer('chunk-kib', values['chunk-kib'], LIMITS.chunkBytesMin / 1024, LIMITS.chunkBytesMax / 1024) * 1024,
    connectionsMax: integer('connections', values.connections, 1, 65_536),
  };
}

function deviceFrom(
  values: ReturnType<typeof flagsOf>,
  environment: Environment,
): Pick<Settings, 'attester' | 'device'> {
  const { nsm, attester, vmpl, audience } = values;
  if (nsm !== undefined && (attester !== undefined || values.device !== undefined)) {
    throw invalid('--nsm says both which device and where; leave --attester and --device out');
  }
  return {
    attester: nsm === undefined ? (attester ?? AUTO) : 'aws-nitro',
    device: {
      device: nsm ?? values.device,
      tcti: values['tpm-tcti'] ?? environment['TPM2TOOLS_TCTI'],
      tpmKey: values['tpm-key'],
      eventLog: values['tpm-event-log'],
      vmpl: vmpl === undefined ? undefined : integer('vmpl', vmpl, 0, VMPL_MAX),
      audience,
    },
  };
}

function flagsOf(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean' },
        listen: text,
        boundary: text,
        attester: text,
        nsm: text,
        device: text,
        vmpl: text,
        'tpm-key': text,
        'tpm-tcti': text,
        'tpm-event-log': text,
        audience: text,
        'staging-mib': { ...text, default: '64' },
        'chunk-kib': { ...text, default: '512' },
        connections: { ...text, default: '4096' },
      },
    }).values;
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : 'bad arguments';
    throw new Fault('CONFIG_INVALID', `${words}; see --help`, { cause });
  }
}

function integer(name: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw invalid(`--${name}: found ${text}, expected an integer from ${minimum} to ${maximum}`);
}

function invalid(message: string): Fault {
  return new Fault('CONFIG_INVALID', message);
}
