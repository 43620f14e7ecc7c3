import { encodeTpmDocument, type TpmDocument } from '#shared/attestation/tpm/document.ts';
import { EVENT_LOG_LIMITS } from '#shared/attestation/tpm/event-log.ts';
import { Fault } from '#shared/fault/fault.ts';
import { readDeviceFile } from './device-file.ts';
import type { AttesterDriver, AttesterOptions, AttesterPorts } from './driver.ts';
import { attesterFailed, failureText } from './failure.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { missingFromTpm, quoteBy, TPM_STRUCTURE_BYTES_MAX, withTpmTools } from './tpm-tools.ts';
import type { ToolFolder } from './transport/tools.ts';

/** Where the kernel shows what firmware and boot loader have measured; as a rule only root may read it. */
const EVENT_LOG = '/sys/kernel/security/tpm0/binary_bios_measurements';

/** TPMS_CONTEXT of a key, as the tools save it; TPM2B_NAME. */
const CONTEXT_BYTES_MAX = 4096;
const NAME_BYTES_MAX = 66;
const SIZE_BYTES = 2;

/** The key that signs, as it is named to the tools and as it is shown in evidence. */
interface QuotingKey {
  /** A handle, or the file that `context` is put in. */
  readonly name: string;
  /** For a key that was made at the start: what the TPM needs to load it again. Encrypted and of use to it alone. */
  readonly context?: Uint8Array;
  readonly shown: Pick<TpmDocument, 'ak' | 'akParent'>;
}

/**
 * A TPM 2.0: proof of how a machine was booted, for participants on ordinary servers. Where the operator names a
 * persistent attestation key it signs, so that a manifest can pin it; otherwise a key is made at each start, and a
 * policy that pins one will refuse it.
 */
export const tpmAttester: AttesterDriver = {
  platform: 'tpm-quote',
  missing: (ports, options) => missingFromTpm(ports, options, ['tpm2_getcap', 'properties-fixed']),
  async open(ports, options) {
    requireHandle(options.tpmKey);
    await readEventLog(ports, options);
    const key = await withTpmTools(ports, options, (tools) =>
      options.tpmKey === undefined ? makeKey(tools) : persistentKey(tools, options.tpmKey),
    );
    return oneAtATime('tpm-quote', ports, async (qualifyingData) => {
      const eventLog = await readEventLog(ports, options);
      const parts = await withTpmTools(ports, options, async (tools) => {
        if (key.context !== undefined) await tools.write(key.name, key.context);
        const quote = await quoteBy(tools, key.name, qualifyingData);
        if (key.context !== undefined) await forgetLoaded(tools);
        return quote;
      });
      const document = encodeTpmDocument({ ...parts, ...key.shown, ...(eventLog === undefined ? {} : { eventLog }) });
      return { document, endorsements: [] };
    });
  },
};

/** TPM 2.0 part 2, 7.4: handles of persistent objects begin with 0x81. */
function requireHandle(handle: string | undefined): void {
  if (handle === undefined || /^0x81[0-9a-f]{6}$/i.test(handle)) return;
  const expected = 'expected a persistent handle such as 0x81010002';
  throw new Fault('CONFIG_INVALID', `--tpm-key: found ${handle.slice(0, 40)}, ${expected}`);
}

async function persistentKey(tools: ToolFolder, handle: string): Promise<QuotingKey> {
  try {
    await tools.run('tpm2_readpublic', '-c', handle, '-f', 'der', '-o', 'ak');
  } catch (cause) {
    throw attesterFailed(failureText(`reading the key ${handle} of --tpm-key`, cause), cause);
  }
  return { name: handle, shown: { ak: await tools.read('ak', TPM_STRUCTURE_BYTES_MAX) } };
}

/** A restricted signing key under the TPM's endorsement key; it dies when the TPM is reset. */
async function makeKey(tools: ToolFolder): Promise<QuotingKey> {
  await tools.run('tpm2_createek', '-G', 'ecc', '-c', 'ek.ctx');
  await forgetLoaded(tools);
  await tools.run('tpm2_readpublic', '-c', 'ek.ctx', '-q', 'parent');
  await forgetLoaded(tools);
  const kind = ['-G', 'ecc', '-g', 'sha256', '-s', 'ecdsa'];
  await tools.run('tpm2_createak', '-C', 'ek.ctx', '-c', 'ak.ctx', ...kind, '-u', 'ak', '-f', 'tss');
  await forgetLoaded(tools);
  return {
    name: 'ak.ctx',
    context: await tools.read('ak.ctx', CONTEXT_BYTES_MAX),
    shown: {
      ak: withoutSize(await tools.read('ak', TPM_STRUCTURE_BYTES_MAX)),
      akParent: await tools.read('parent', NAME_BYTES_MAX),
    },
  };
}

/**
 * Without a resource manager between, a TPM keeps what a program loaded after its end, and has room for three. With
 * one, this concerns our own objects only, of which none is left.
 */
function forgetLoaded(tools: ToolFolder): Promise<void> {
  return tools.run('tpm2_flushcontext', '-t');
}

/** TPMT_PUBLIC out of TPM2B_PUBLIC. */
function withoutSize(sized: Uint8Array): Uint8Array {
  const [high = 0, low = 0] = sized;
  if (sized.length !== SIZE_BYTES + high * 256 + low) throw attesterFailed('tpm2_createak wrote a key of another size');
  return sized.slice(SIZE_BYTES);
}

/**
 * The log, where it can be read and carried: a policy that wants more than register values needs it. Throws
 * `ATTESTER_FAILED` for one that the operator names and that is not to be had.
 */
async function readEventLog({ files }: AttesterPorts, { eventLog }: AttesterOptions): Promise<Uint8Array | undefined> {
  try {
    const log = await readDeviceFile(files, eventLog ?? EVENT_LOG, EVENT_LOG_LIMITS.bytes);
    return log.length === 0 ? undefined : log;
  } catch (cause) {
    if (eventLog !== undefined) throw attesterFailed(failureText(`reading the event log ${eventLog}`, cause), cause);
    // Not there, not for us to read, or longer than evidence may be: the quote stands without it.
    return undefined;
  }
}
