import type { Platform } from '#shared/attestation/platforms.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import type { Attester } from '../ports/attester.ts';
import type { DeviceFiles } from './transport/device-files.ts';
import type { FramedExchange } from './transport/framed-socket.ts';
import type { HttpSend } from './transport/http.ts';
import type { ToolFolders } from './transport/tools.ts';

/** How evidence is made on one platform: a line of the table in `attesters.ts`. */
export interface AttesterDriver {
  readonly platform: Platform;
  /** What is missing here to make evidence of this platform, for the operator; `undefined` when nothing is. */
  missing(ports: AttesterPorts, options: AttesterOptions): Promise<string | undefined>;
  /** Throws `ATTESTER_FAILED` when the device cannot be made ready. */
  open(ports: AttesterPorts, options: AttesterOptions): Promise<Attester>;
}

/** The world as attesters see it, so that tests can put an emulated device in its place. */
export interface AttesterPorts {
  readonly files: DeviceFiles;
  readonly tools: ToolFolders;
  readonly send: HttpSend;
  readonly exchange: FramedExchange;
  readonly crypto: Pick<CryptoPort, 'digest' | 'randomBytes'>;
  readonly clock: Timers;
}

/** Waiting; the clock of the enclave and that of the SDK both do. */
export interface Timers {
  /** Calls `action` once after `delayMs`; the result cancels it. */
  after(delayMs: number, action: () => void): () => void;
}

/** What an operator may say about the device. All have defaults; each platform looks at its own only. */
export interface AttesterOptions {
  /**
   * Where the device is, in place of its usual place: the folder of configfs-tsm or of Gramine, the unix socket of the
   * Nitro relay or of Google's launcher, the address of Azure's metadata service.
   */
  readonly device?: string | undefined;
  /** How tpm2-tools reach the TPM (their `TPM2TOOLS_TCTI`), such as `swtpm:port=2321`. Theirs to find by default. */
  readonly tcti?: string | undefined;
  /** Persistent handle of the attestation key, such as `0x81010002`. By default a key is made at each start. */
  readonly tpmKey?: string | undefined;
  /** Where the kernel shows the measurement log of a TPM's machine. */
  readonly eventLog?: string | undefined;
  /** Privilege level (VMPL, 0 to 3) that an SEV-SNP report is asked for. The kernel's choice by default. */
  readonly vmpl?: number | undefined;
  /** Audience that a token is asked for. */
  readonly audience?: string | undefined;
}
