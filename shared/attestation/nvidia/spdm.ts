import { ByteReader } from '../byte-reader.ts';
import { malformed } from '../malformed.ts';

/** One measurement block in the form of the DMTF (DSP0274 1.1, "DMTF measurement specification format"). */
export interface SpdmMeasurement {
  /** 1 to 254. */
  readonly index: number;
  /** What is measured: 0 immutable ROM, 1 mutable firmware, 2 hardware and 3 firmware configuration, 4 manifest. */
  readonly type: number;
  /** Whether `value` is a digest; else it is what was measured, as it is. */
  readonly isDigest: boolean;
  readonly value: Uint8Array;
}

/** A GET_MEASUREMENTS request and the MEASUREMENTS response to it. Byte fields are views of the input. */
export interface SpdmReport {
  readonly version: number;
  readonly requestCode: number;
  readonly requestNonce: Uint8Array;
  /** Certificate slot whose key signs. */
  readonly slot: number;
  readonly responseCode: number;
  readonly responseNonce: Uint8Array;
  readonly measurements: readonly SpdmMeasurement[];
  /** Length of the measurement record. */
  readonly recordBytes: number;
  /** Vendor-defined, see `opaque.ts`. */
  readonly opaque: Uint8Array;
}

/** ECDSA on P-384: R and S, the last field of the response. */
export const SIGNATURE_BYTES = 96;
/** No device's report comes near; the record and the opaque data are what it consists of. */
export const REPORT_BYTES_MAX = 32 * 1024;
/** SHA-384, the measurement hash of NVIDIA's devices. */
export const DIGEST_BYTES = 48;
/** Indices that are measurements: 0 asks for their number, 255 for all. */
export const INDEX_MAX = 254;

const VERSION_1_1 = 0x11;
const GET_MEASUREMENTS = 0xe0;
const MEASUREMENTS = 0x60;
const NONCE_BYTES = 32;
/** Param1 of the request: a signature is asked for, so a nonce and a slot follow. */
const SIGNATURE_REQUESTED = 0x01;
const COUNT_ONLY = 0;
const SLOT_MASK = 0x0f;
const SLOTS = 8;
const DMTF_SPECIFICATION = 0x01;
/** Of a block: type (1 byte) and size (2 bytes) in front of the value. */
const VALUE_HEADER_BYTES = 3;
const RAW_BIT = 0x80;

/**
 * Parses a request and its response as NVIDIA's drivers hand them over, one behind the other (DSP0274 version 1.1,
 * GET_MEASUREMENTS request and MEASUREMENTS response): a signed report of measurements, nothing left over behind the
 * signature. Fields that are reserved are signed and, as the standard wants it, not looked at. Throws `MalformedInput`.
 */
export function parseSpdmReport(bytes: Uint8Array): SpdmReport {
  if (bytes.length > REPORT_BYTES_MAX) malformed(`SPDM report of ${bytes.length} bytes; at most ${REPORT_BYTES_MAX}`);
  const reader = new ByteReader(bytes, 'SPDM report');
  const request = readRequest(reader);
  const [version = 0, responseCode = 0, , slotField = 0, blockCount = 0] = reader.take(5);
  if (version !== request.version) malformed('SPDM response of another version than its request');
  if (responseCode !== MEASUREMENTS) malformed(`SPDM response with code ${responseCode}, not ${MEASUREMENTS}`);
  if ((slotField & SLOT_MASK) !== request.slot)
    malformed('SPDM response signed by another slot than the request names');
  const [low = 0, middle = 0, high = 0] = reader.take(3);
  const recordBytes = low + 0x100 * middle + 0x1_0000 * high;
  const measurements = readRecord(reader.take(recordBytes), blockCount);
  const responseNonce = reader.take(NONCE_BYTES);
  const opaque = reader.take(reader.u16());
  reader.take(SIGNATURE_BYTES);
  if (reader.left > 0) malformed(`${reader.left} bytes behind the signature of an SPDM report`, 'TRAILING_DATA');
  return { ...request, responseCode, responseNonce, measurements, recordBytes, opaque };
}

function readRequest(reader: ByteReader): Pick<SpdmReport, 'version' | 'requestCode' | 'requestNonce' | 'slot'> {
  const [version = 0, requestCode = 0, attributes = 0, operation = 0] = reader.take(4);
  if (version !== VERSION_1_1) malformed(`SPDM version byte ${version}; 1.1 is read`);
  if (requestCode !== GET_MEASUREMENTS) malformed(`SPDM request with code ${requestCode}, not ${GET_MEASUREMENTS}`);
  if ((attributes & SIGNATURE_REQUESTED) === 0) malformed('SPDM request that asks for no signature');
  if (operation === COUNT_ONLY) malformed('SPDM request that asks for no measurements');
  const requestNonce = reader.take(NONCE_BYTES);
  const slot = reader.u8() & SLOT_MASK;
  if (slot >= SLOTS) malformed(`SPDM request for certificate slot ${slot}`);
  return { version, requestCode, requestNonce, slot };
}

function readRecord(record: Uint8Array, blockCount: number): readonly SpdmMeasurement[] {
  const reader = new ByteReader(record, 'SPDM measurement record');
  const measurements: SpdmMeasurement[] = [];
  for (let i = 0; i < blockCount; i++) measurements.push(readBlock(reader));
  reader.end();
  if (new Set(measurements.map(({ index }) => index)).size < blockCount) malformed('SPDM measurement given twice');
  return measurements;
}

function readBlock(reader: ByteReader): SpdmMeasurement {
  const [index = 0, specification = 0] = reader.take(2);
  const blockBytes = reader.u16();
  const typeField = reader.u8();
  const valueBytes = reader.u16();
  if (index === 0 || index > INDEX_MAX) malformed(`SPDM measurement with index ${index}`);
  if (specification !== DMTF_SPECIFICATION) malformed('SPDM measurement in another form than that of the DMTF');
  if (blockBytes !== valueBytes + VALUE_HEADER_BYTES) malformed('SPDM measurement whose two sizes differ');
  const isDigest = (typeField & RAW_BIT) === 0;
  if (isDigest && valueBytes !== DIGEST_BYTES) malformed(`SPDM digest of ${valueBytes} bytes, not ${DIGEST_BYTES}`);
  return { index, type: typeField & ~RAW_BIT, isDigest, value: reader.take(valueBytes) };
}
