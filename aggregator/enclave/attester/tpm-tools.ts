import type { QuoteParts } from '#shared/attestation/tpm/quote.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { absence } from './device-file.ts';
import type { AttesterOptions, AttesterPorts } from './driver.ts';
import { attesterFailed, failedAt, failureText } from './failure.ts';
import type { ToolFolder } from './transport/tools.ts';

/** A TPM by way of tpm2-tools (5.0 and later), which do what Node cannot: speak to its device. */

/** The kernel's resource manager, which keeps the objects of one program apart from those of others. */
const DEVICE = '/dev/tpmrm0';

/**
 * The registers that a quote covers: those that the boot of a PC fills, those of systemd, and the two for applications
 * (16 and 23). Not 10, which IMA goes on extending: the registers read beside a quote would not always be those quoted.
 */
export const QUOTED_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 23] as const;

const DIGEST_BYTES = 32;
/** TPMS_ATTEST, TPMT_SIGNATURE and TPM2B_PUBLIC stay below it, with RSA-4096 keys too. */
export const TPM_STRUCTURE_BYTES_MAX = 1024;

/** Runs `work` in a private folder, which is removed whatever comes of it. */
export async function withTpmTools<T>(
  { tools }: Pick<AttesterPorts, 'tools'>,
  { tcti = `device:${DEVICE}` }: AttesterOptions,
  work: (folder: ToolFolder) => Promise<T>,
): Promise<T> {
  const folder = await tools({ TPM2TOOLS_TCTI: tcti });
  try {
    return await work(folder);
  } catch (cause) {
    throw failedAt('the TPM', cause);
  } finally {
    await folder.remove();
  }
}

/** Why the TPM cannot be reached, or does not carry out `command`; `undefined` when it does. */
export async function missingFromTpm(
  ports: AttesterPorts,
  options: AttesterOptions,
  [program, ...args]: readonly [string, ...string[]],
): Promise<string | undefined> {
  if (options.tcti === undefined) {
    const absent = await absence(ports.files, DEVICE);
    if (absent !== undefined) return absent;
  }
  try {
    await withTpmTools(ports, options, (tools) => tools.run(program, ...args));
    return undefined;
  } catch (cause) {
    return failureText(program, cause);
  }
}

/**
 * A quote by `key` (a handle, or the file of a saved context) over `qualifyingData`, which the TPM takes up to the size
 * of its longest digest.
 */
export async function quoteBy(tools: ToolFolder, key: string, qualifyingData: Uint8Array): Promise<QuoteParts> {
  const selection = `sha256:${QUOTED_PCRS.join(',')}`;
  const inputs = ['-c', key, '-l', selection, '-g', 'sha256', '-q', toHex(qualifyingData)];
  // The tool reads the registers itself, and fails when they are not those that the TPM quoted.
  await tools.run('tpm2_quote', ...inputs, '-m', 'quote', '-s', 'signature', '-o', 'pcrs', '-F', 'values');
  const values = await tools.read('pcrs', QUOTED_PCRS.length * DIGEST_BYTES);
  if (values.length !== QUOTED_PCRS.length * DIGEST_BYTES) {
    throw attesterFailed('tpm2_quote read other registers than it was asked for; does the TPM have the SHA-256 bank?');
  }
  const registers = QUOTED_PCRS.map(
    (index, place) => [index, values.slice(place * DIGEST_BYTES, (place + 1) * DIGEST_BYTES)] as const,
  );
  return {
    quote: await tools.read('quote', TPM_STRUCTURE_BYTES_MAX),
    signature: await tools.read('signature', TPM_STRUCTURE_BYTES_MAX),
    pcrs: new Map([['sha256', new Map(registers)]]),
  };
}
