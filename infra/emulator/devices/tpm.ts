import { createHash, randomUUID } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EMPTY, toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { DeviceMaker } from '../device.ts';
import { BOOT_BANKS, BUNDLE_PCR, type MeasuredBoot, measuredBoot } from './measured-boot.ts';
import { startSwtpm, tpmProgramsFolder } from './swtpm.ts';

/** Where the attestation key is kept in the TPM. */
export const ATTESTATION_KEY = '0x81010002';
const STATE = 'tpm-state';
/** What the TPM Library Specification asks of a key that signs what the TPM itself states, and nothing else. */
const ATTRIBUTES = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign';

/** A real TPM 2.0 in software, whose attestation key stays the same from start to start, as an enrolled one does. */
export const tpmDevice: DeviceMaker = async ({ folder, runFolder, measured }) => {
  const programs = tpmProgramsFolder();
  if (programs === undefined) {
    throw new Fault('CONFIG_INVALID', 'the platform tpm-quote needs the packages swtpm and tpm2-tools');
  }
  const [state, scratch] = [join(runFolder, STATE), join(runFolder, 'scratch')];
  // A copy: registers begin anew, and two TPMs may run from the same key.
  await cp(await provisionedState(folder, runFolder), state, { recursive: true });
  await mkdir(scratch, { mode: 0o700 });
  const boot = measuredBoot(measured.bundle);
  const eventLog = join(scratch, 'measurements.log');
  const tpm = await startSwtpm(state, runFolder);
  try {
    await tpm.run('tpm2_pcrextend', extensionsOf(boot));
    await writeFile(eventLog, boot.log);
    await tpm.run('tpm2_readpublic', ['-c', ATTESTATION_KEY, '-f', 'der', '-o', join(runFolder, 'ak.der')]);
    const spki = await readFile(join(runFolder, 'ak.der'));
    const platform = 'tpm-quote';
    const measurements = { [`PCR${BUNDLE_PCR}`]: toHex(boot.registers.read('sha256', BUNDLE_PCR)) };
    const attributes = { event_log: true, secure_boot: true };
    const root = { name: 'EMULATED TPM of this machine', platform, sha256: sha256Of(spki), emulated: true } as const;
    return {
      platform,
      policy: {
        enclaves: [{ name: 'the bundle that runs', platform, measurements, attributes }],
        roots: [{ ...root, kind: 'key' }],
      },
      flags: ['--attester', platform, ...flagsOf({ tcti: tpm.tcti, key: ATTESTATION_KEY, 'event-log': eventLog })],
      socketPath: tpm.socketPath,
      access: { programs, scratch },
      close: () => tpm.close(),
    };
  } catch (error) {
    await tpm.close();
    throw error;
  }
};

/** State of a TPM that holds the attestation key; made on first use. */
async function provisionedState(folder: string, runFolder: string): Promise<string> {
  const path = join(folder, STATE);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  if (await exists(path)) return path;
  const fresh = `${path}.${randomUUID()}.new`;
  await mkdir(fresh, { mode: 0o700 });
  await provision(fresh, await mkdtemp(join(runFolder, 'new-')));
  try {
    await rename(fresh, path);
  } catch (error) {
    // Somebody was faster: a folder that holds something is not replaced, and theirs serves both.
    await rm(fresh, { recursive: true });
    if (!(await exists(path))) throw error;
  }
  return path;
}

async function provision(state: string, work: string): Promise<void> {
  const tpm = await startSwtpm(state, work);
  const context = join(work, 'ak.ctx');
  try {
    const kind = ['-g', 'sha256', '-G', 'ecc256:ecdsa-sha256:null', '-a', ATTRIBUTES];
    await tpm.run('tpm2_createprimary', ['-C', 'e', ...kind, '-c', context]);
    await tpm.run('tpm2_evictcontrol', ['-C', 'o', '-c', context, ATTESTATION_KEY]);
    await tpm.run('tpm2_shutdown', []);
  } finally {
    await tpm.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function flagsOf(settings: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--tpm-${name}`, value]);
}

/** Everything that was measured, as tpm2_pcrextend takes it. */
function extensionsOf({ events }: MeasuredBoot): readonly string[] {
  return events.map(({ pcr, digests }) => {
    const list = BOOT_BANKS.map((bank) => `${bank}=${toHex(digests.get(bank) ?? EMPTY)}`);
    return `${pcr}:${list.join(',')}`;
  });
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
