import { type CborItem, decodeCbor } from '#shared/attestation/cbor/decode.ts';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import type { EmulatorRoot } from './certify.ts';
import { mintDocument } from './document.ts';
import { type Chain, issueChain } from './pki.ts';
import { PCR_COUNT } from './registers.ts';
import type { Surroundings } from './surroundings.ts';

/** Errors of the NSM API that the emulator gives. */
export type NsmError = 'InvalidArgument' | 'InvalidOperation' | 'InputTooLarge';

/** A device that answers NSM requests; it never throws for a bad one. */
export interface NsmDevice {
  answer(request: Uint8Array): Promise<Uint8Array>;
}

/** What the device is and measured. */
export interface NsmDeviceOptions {
  readonly root: EmulatorRoot;
  readonly moduleId: string;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly surroundings: Surroundings;
}

/** Bytes that the device takes; those of the older AWS specification, so that a caller fits every device. */
const NSM_FIELD_BYTES_MAX = { user_data: 512, nonce: 512, public_key: 1024 } as const;
const RANDOM_BYTES = 256;
/** A new leaf is issued this long before the old one ends, so that each document can be verified for a while. */
const RENEWAL_MARGIN_MS = 3_600_000;

type Field = keyof typeof NSM_FIELD_BYTES_MAX;
type Reading =
  | { readonly ok: true; readonly value: Uint8Array | null }
  | { readonly ok: false; readonly error: NsmError };

/** An emulated Nitro Security Module under `options.root`. */
export function nsmDevice(options: NsmDeviceOptions): NsmDevice {
  const currentChain = chainSource(options);
  return {
    async answer(request) {
      const item = decodeOrNothing(request);
      if (item?.kind === 'text' && item.value === 'DescribeNSM') return describe(options);
      if (item?.kind === 'text' && item.value === 'GetRandom') {
        return reply('GetRandom', [['random', options.surroundings.randomBytes(RANDOM_BYTES)]]);
      }
      const fields = item?.kind === 'map' && item.entries.size === 1 ? item.entries.get('Attestation') : undefined;
      if (fields !== undefined) return attest(fields, options, currentChain);
      // Registers are locked before an enclave can ask, so nothing may be extended; the rest is not of this device.
      return refusal(item === undefined ? 'InvalidArgument' : 'InvalidOperation');
    },
  };
}

async function attest(
  fields: CborItem,
  options: NsmDeviceOptions,
  currentChain: (atMs: number) => Promise<Chain>,
): Promise<Uint8Array> {
  if (fields.kind !== 'map') return refusal('InvalidArgument');
  for (const key of fields.entries.keys()) if (!isField(key)) return refusal('InvalidArgument');
  const [userData, nonce, publicKey] = [
    readField(fields.entries, 'user_data'),
    readField(fields.entries, 'nonce'),
    readField(fields.entries, 'public_key'),
  ];
  if (!userData.ok) return refusal(userData.error);
  if (!nonce.ok) return refusal(nonce.error);
  if (!publicKey.ok) return refusal(publicKey.error);
  const timestampMs = options.surroundings.now();
  const document = await mintDocument(await currentChain(timestampMs), {
    moduleId: options.moduleId,
    timestampMs,
    pcrs: options.pcrs,
    userData: userData.value,
    nonce: nonce.value,
    publicKey: publicKey.value,
  });
  return reply('Attestation', [['document', document]]);
}

/** Gives the chain in force, made anew before its leaf ends. */
function chainSource(options: NsmDeviceOptions): (atMs: number) => Promise<Chain> {
  let held: Chain | undefined;
  return async (atMs) => {
    if (held !== undefined && atMs < held.notAfterMs - RENEWAL_MARGIN_MS) return held;
    const fresh = await issueChain(options.root, { moduleId: options.moduleId, atMs }, options.surroundings);
    held = fresh;
    return fresh;
  };
}

function isField(key: string | number): key is Field {
  return typeof key === 'string' && Object.hasOwn(NSM_FIELD_BYTES_MAX, key);
}

/** A field that is absent reads as null, as the device does it. */
function readField(fields: ReadonlyMap<string | number, CborItem>, name: Field): Reading {
  const item = fields.get(name);
  if (item === undefined || item.kind === 'null') return { ok: true, value: null };
  if (item.kind !== 'bytes') return { ok: false, error: 'InvalidArgument' };
  if (item.value.length > NSM_FIELD_BYTES_MAX[name]) return { ok: false, error: 'InputTooLarge' };
  return { ok: true, value: item.value };
}

function describe(options: NsmDeviceOptions): Uint8Array {
  return reply('DescribeNSM', [
    ['version_major', 1],
    ['version_minor', 0],
    ['version_patch', 0],
    ['module_id', options.moduleId],
    ['max_pcrs', PCR_COUNT],
    ['locked_pcrs', [...options.pcrs.keys()]],
    ['digest', 'SHA384'],
  ]);
}

function reply(name: string, entries: readonly (readonly [string, CborInput])[]): Uint8Array {
  return encodeCbor({ entries: [[name, { entries }]] });
}

function refusal(error: NsmError): Uint8Array {
  return encodeCbor({ entries: [['Error', error]] });
}

function decodeOrNothing(request: Uint8Array): CborItem | undefined {
  try {
    return decodeCbor(request);
  } catch {
    // The reader throws for malformed bytes only; the device answers those with an error of its own.
    return undefined;
  }
}
