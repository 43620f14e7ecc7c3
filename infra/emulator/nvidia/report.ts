import { type KeyObject, sign } from 'node:crypto';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { u16le, u24le } from '../bytes.ts';

/** What an emulated GPU states in one report. */
export interface ReportContents {
  /** 32 bytes each. */
  readonly requestNonce: Uint8Array;
  readonly responseNonce: Uint8Array;
  /** Digest by index, 48 bytes each. */
  readonly measurements: ReadonlyMap<number, Uint8Array>;
  /** Fields of the opaque data by their numbers. */
  readonly opaque: readonly (readonly [number, Uint8Array])[];
}

/** How a test bends a report; everything left out is as a device writes it. */
export interface ReportDefects {
  /** Request before anything is signed. */
  readonly rewriteRequest?: (request: Uint8Array) => Uint8Array;
  /** Header of the response: version, code, two parameters, number of blocks, length of the record. */
  readonly rewriteHeader?: (header: Uint8Array) => Uint8Array;
  readonly rewriteRecord?: (record: Uint8Array) => Uint8Array;
  /** Opaque data without their length. */
  readonly rewriteOpaque?: (opaque: Uint8Array) => Uint8Array;
  /** Everything that is signed, after it was signed. */
  readonly alterSigned?: (signed: Uint8Array) => Uint8Array;
  readonly alterSignature?: (signature: Uint8Array) => Uint8Array;
}

const VERSION = 0x11;
const GET_MEASUREMENTS = 0xe0;
const MEASUREMENTS = 0x60;
const ALL = 0xff;

/** SPDM 1.1 request and response (DSP0274), signed by the device's key with SHA-384. */
export function mintReport(deviceKey: KeyObject, contents: ReportContents, defects: ReportDefects = {}): Uint8Array {
  const { requestNonce, responseNonce, measurements, opaque } = contents;
  const request = concat(Uint8Array.of(VERSION, GET_MEASUREMENTS, 1, ALL), requestNonce, Uint8Array.of(0));
  const blocks = concat(...[...measurements].map(([index, value]) => measurementBlock(index, value)));
  const record = defects.rewriteRecord?.(blocks) ?? blocks;
  const header = concat(Uint8Array.of(VERSION, MEASUREMENTS, 0, 0, measurements.size), u24le(record.length));
  const fields = concat(...opaque.map(([number, value]) => concat(u16le(number), u16le(value.length), value)));
  const written = defects.rewriteOpaque?.(fields) ?? fields;
  const signed = concat(
    defects.rewriteRequest?.(request) ?? request,
    defects.rewriteHeader?.(header) ?? header,
    record,
    responseNonce,
    u16le(written.length),
    written,
  );
  const signature = new Uint8Array(sign('sha384', signed, { key: deviceKey, dsaEncoding: 'ieee-p1363' }));
  return concat(defects.alterSigned?.(signed) ?? signed, defects.alterSignature?.(signature) ?? signature);
}

/** A measurement in the form of the DMTF: mutable firmware, a digest. */
export function measurementBlock(index: number, value: Uint8Array, type = 1): Uint8Array {
  const inner = concat(Uint8Array.of(type), u16le(value.length), value);
  return concat(Uint8Array.of(index, 1), u16le(inner.length), inner);
}

/** Opaque data of a GPU: versions of VBIOS and driver, firmware id, no Protected PCIe mode. */
export function gpuFields(firmwareId: Uint8Array): ReportContents['opaque'] {
  return [
    [6, Uint8Array.of(0x00, 0xa5, 0x00, 0x96, 0x01, 0, 0, 0)],
    [3, utf8('590.12\0')],
    [20, firmwareId],
    [21, Uint8Array.of(0x55)],
  ];
}
