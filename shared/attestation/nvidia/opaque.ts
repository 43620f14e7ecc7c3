import { ByteReader } from '../byte-reader.ts';
import { attempt } from '../malformed.ts';

/** What a device's firmware says of itself in the opaque data of its report. Signed, like the measurements. */
export interface DeviceFacts {
  /** Such as `96.00.A5.00.01`. */
  readonly vbiosVersion: string | undefined;
  /** Such as `590.12`; a switch has none. */
  readonly driverVersion: string | undefined;
  /** Digest of the firmware that the device's certificate was issued for, 48 bytes. */
  readonly firmwareId: Uint8Array | undefined;
  /** Whether the device runs in Protected PCIe mode, in which links between devices are not encrypted. */
  readonly protectedPcie: boolean | undefined;
}

/** Field numbers of NVIDIA's attestation SDK (`GpuOpaqueDataType`, `SwitchOpaqueDataType`). */
const FIELD = { driverVersion: 3, vbiosVersion: 6, firmwareId: 20, protectedPcie: 21 } as const;

/** A GPU's VBIOS version is a number of this length, a switch's is text. */
const VBIOS_NUMBER_BYTES = 8;
const PROTECTED = 0xaa;

/**
 * Reads the fields of a report's opaque data: number and length of each in 16 bits, little-endian, then its bytes.
 * The format is the vendor's own and has changed: data that do not divide into fields, each once, state nothing.
 */
export function readDeviceFacts(opaque: Uint8Array): DeviceFacts {
  const fields = fieldsOf(opaque);
  const vbios = fields.get(FIELD.vbiosVersion);
  const driver = fields.get(FIELD.driverVersion);
  const pcie = fields.get(FIELD.protectedPcie);
  return {
    vbiosVersion: vbios && (vbios.length === VBIOS_NUMBER_BYTES ? versionNumber(vbios) : textOf(vbios)),
    driverVersion: driver && textOf(driver),
    firmwareId: fields.get(FIELD.firmwareId),
    protectedPcie: pcie && pcie[0] === PROTECTED,
  };
}

function fieldsOf(opaque: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const parsed = attempt(() => {
    const reader = new ByteReader(opaque, 'opaque data');
    const fields: [number, Uint8Array][] = [];
    while (reader.left > 0) fields.push([reader.u16(), reader.take(reader.u16())]);
    return fields;
  });
  const fields = parsed.kind === 'parsed' ? parsed.value : [];
  const byNumber = new Map(fields);
  return byNumber.size === fields.length ? byNumber : new Map();
}

/** The upper half of a little-endian number and the byte below it, in pairs of hexadecimal digits. */
function versionNumber([b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0]: Uint8Array): string {
  const pairs = [b3, b2, b1, b0, b4].map((byte) => byte.toString(16).padStart(2, '0'));
  return pairs.join('.').toUpperCase();
}

/** Printable ASCII before the first zero byte; `undefined` where there is anything else. */
function textOf(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  const text = String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)).subarray(0, 128));
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}
