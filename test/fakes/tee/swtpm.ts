import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ParticipantAttester } from '#client/sdk/index.ts';
import { chooseAttester } from '#enclave/attester/attesters.ts';
import { nodeAttesterPorts } from '#enclave/attester/transport/node-ports.ts';
import type { EmulatedDevice } from '#infra/emulator/device.ts';
import { tpmProgramsFolder } from '#infra/emulator/devices/swtpm.ts';
import { ATTESTATION_KEY, tpmDevice } from '#infra/emulator/devices/tpm.ts';
import type { Digests } from '#infra/emulator/measured.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

/** Skips what needs a TPM in software where none is installed, and says so; in CI it fails. */
export function requireSwtpm(context: Mocha.Context): void {
  if (tpmProgramsFolder() !== undefined) return;
  const missing = 'no swtpm and tpm2-tools here';
  if (process.env['CI'] === 'true') throw new Error(`${missing}: in CI this suite may not be skipped`);
  console.warn(`SKIPPED: ${missing}; apt-get install swtpm tpm2-tools`);
  context.skip();
}

/** Where a TPM is, and what it is asked with. */
interface TpmOptions {
  readonly tcti: string;
  readonly tpmKey: string;
  readonly eventLog: string;
}

/** A participant's own server: it has a TPM, and has measured into it what it started. */
export class MeasuredServer {
  /** Accepts this server as it was started: what a manifest says of a participant. */
  readonly policy: EmulatedDevice['policy'];
  /** The adapter that enclaves use, too. */
  readonly attester: ParticipantAttester;
  /** Flags of the command line that lead to its TPM. */
  readonly flags: readonly string[];
  readonly #device: EmulatedDevice;
  readonly #runFolder: string;

  private constructor(device: EmulatedDevice, attester: ParticipantAttester, runFolder: string, options: TpmOptions) {
    this.policy = device.policy;
    this.attester = attester;
    const { tcti, tpmKey, eventLog } = options;
    this.flags = ['--tpm-tcti', tcti, '--tpm-key', tpmKey, '--tpm-event-log', eventLog];
    this.#device = device;
    this.#runFolder = runFolder;
  }

  /** Starts `software` on the server whose TPM's keys are in `folder`; an empty folder is a server with a new TPM. */
  static async boot(folder: string, software: string): Promise<MeasuredServer> {
    const runFolder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    const measured = { bundle: digestsOfText(software), runtime: digestsOfText('a runtime') };
    const surroundings = { now: () => Date.now(), randomBytes: nodeCrypto.randomBytes };
    const device = await tpmDevice({ folder, runFolder, measured, surroundings });
    const ports = nodeAttesterPorts(nodeCrypto, process.env['PATH'] ?? '');
    const options = {
      tcti: `swtpm:path=${device.socketPath}`,
      tpmKey: ATTESTATION_KEY,
      eventLog: join(runFolder, 'scratch', 'measurements.log'),
    };
    const attester = await chooseAttester('tpm-quote', options, ports);
    const evidenceFor: ParticipantAttester['evidenceFor'] = async (reportData) => ({
      platform: attester.platform,
      ...(await attester.attest(reportData)),
    });
    return new MeasuredServer(device, { evidenceFor }, runFolder, options);
  }

  async shutDown(): Promise<void> {
    await this.#device.close();
    await rm(this.#runFolder, { recursive: true });
  }
}

function digestsOfText(text: string): Digests {
  const digest = (name: string): Uint8Array => createHash(name).update(text).digest();
  return { sha256: digest('sha256'), sha384: digest('sha384') };
}
