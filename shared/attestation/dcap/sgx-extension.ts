import { toHex } from '../../bytes/bytes.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { readBoolean, readOid, readUnsignedInteger } from '../der/values.ts';
import { malformed } from '../malformed.ts';

/** OID of the extension that makes a certificate a PCK certificate. */
export const SGX_EXTENSION = '1.2.840.113741.1.13.1';

/**
 * The SGX extension of a PCK certificate ("Intel SGX PCK Certificate and Certificate Revocation List Profile
 * Specification", section 1.3.5): which platform the key belongs to, and which versions it runs.
 */
export interface SgxExtension {
  /** 16 bytes: the platform, or the processor on a board with one. */
  readonly ppid: Uint8Array;
  readonly tcb: PckTcb;
  /** 2 bytes. */
  readonly pceId: Uint8Array;
  /** 6 bytes: family, model, stepping, platform and custom SKU. Intel's TCB info is per value. */
  readonly fmspc: Uint8Array;
  /** 0 standard, 1 scalable, 2 scalable with integrity. */
  readonly sgxType: number;
  /** 16 bytes; boards with several processors only. */
  readonly platformInstanceId: Uint8Array | undefined;
  readonly configuration: PckConfiguration | undefined;
}

/** The versions that a PCK certificate vouches for. */
export interface PckTcb {
  /** 16 numbers from 0 to 255. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** 16 bytes: the same versions as the processor writes them. */
  readonly cpuSvn: Uint8Array;
}

/** How a board with several processors is set up; a value that the certificate leaves out is `undefined`. */
export interface PckConfiguration {
  readonly dynamicPlatform: boolean | undefined;
  readonly cachedKeys: boolean | undefined;
  readonly smtEnabled: boolean | undefined;
}

const ENUMERATED = 0x0a;
const COMPONENTS = 16;
const PCE_SVN = 17;
const CPU_SVN = 18;
const COMPONENT_MAX = 0xff;
const PCE_SVN_MAX = 0xffff;
const SGX_TYPE_MAX = 2;

/** Parses the value of the extension: every field at most once, none that the profile lacks. Throws `MalformedInput`. */
export function parseSgxExtension(value: Uint8Array): SgxExtension {
  const fields = readFields(whole(value, 'SGX extension'), SGX_EXTENSION, 7);
  return {
    ppid: octets(required(fields, 1), 16, 'PPID'),
    tcb: readTcb(required(fields, 2)),
    pceId: octets(required(fields, 3), 2, 'PCEID'),
    fmspc: octets(required(fields, 4), 6, 'FMSPC'),
    sgxType: readSgxType(required(fields, 5)),
    platformInstanceId: optional(fields, 6, (field) => octets(field, 16, 'platform instance id')),
    configuration: optional(fields, 7, readConfiguration),
  };
}

function readTcb(field: DerReader): PckTcb {
  const fields = readFields(only(field), `${SGX_EXTENSION}.2`, CPU_SVN);
  const components = Array.from({ length: COMPONENTS }, (_, index) =>
    integer(required(fields, index + 1), COMPONENT_MAX, `TCB component ${index + 1}`),
  );
  const pceSvn = integer(required(fields, PCE_SVN), PCE_SVN_MAX, 'PCESVN');
  return { components, pceSvn, cpuSvn: octets(required(fields, CPU_SVN), 16, 'CPUSVN') };
}

function readSgxType(field: DerReader): number {
  const { content } = field.expect(ENUMERATED);
  field.end();
  const [type = SGX_TYPE_MAX + 1] = content;
  return content.length === 1 && type <= SGX_TYPE_MAX ? type : malformed(`SGX type ${toHex(content)}`);
}

function readConfiguration(field: DerReader): PckConfiguration {
  const fields = readFields(only(field), `${SGX_EXTENSION}.7`, 3);
  const flag = (arc: number): boolean | undefined => optional(fields, arc, readFlag);
  return { dynamicPlatform: flag(1), cachedKeys: flag(2), smtEnabled: flag(3) };
}

function readFlag(field: DerReader): boolean {
  const value = readBoolean(field);
  field.end();
  return value;
}

/** Readers positioned at the values of `SEQUENCE OF SEQUENCE { OID, value }`, by the last arc of the OID, 1 to `last`. */
type Fields = ReadonlyMap<number, DerReader>;

function readFields(list: DerReader, parent: string, last: number): Fields {
  const fields = new Map<number, DerReader>();
  while (list.peek !== undefined) {
    const field = list.enter(TAG.sequence);
    const oid = readOid(field);
    const arc = oid.startsWith(`${parent}.`) ? Number(oid.slice(parent.length + 1)) : Number.NaN;
    if (!Number.isInteger(arc) || arc < 1 || arc > last) malformed(`SGX extension with the unknown field ${oid}`);
    if (fields.has(arc)) malformed(`SGX extension with two of field ${oid}`);
    fields.set(arc, field);
  }
  return fields;
}

/** The content of the one SEQUENCE that fills `value`. */
function whole(value: Uint8Array, what: string): DerReader {
  return only(new DerReader(value, what));
}

/** The content of the SEQUENCE that is all that is left in `reader`. */
function only(reader: DerReader): DerReader {
  const content = reader.enter(TAG.sequence);
  reader.end();
  return content;
}

function required(fields: Fields, arc: number): DerReader {
  return fields.get(arc) ?? malformed(`SGX extension without its field ${arc}`);
}

function optional<T>(fields: Fields, arc: number, read: (field: DerReader) => T): T | undefined {
  const field = fields.get(arc);
  return field === undefined ? undefined : read(field);
}

function octets(field: DerReader, length: number, what: string): Uint8Array {
  const { content } = field.expect(TAG.octetString);
  field.end();
  return content.length === length ? content : malformed(`${what} of ${content.length} bytes, not ${length}`);
}

function integer(field: DerReader, most: number, what: string): number {
  const content = readUnsignedInteger(field);
  field.end();
  // One octet more than the largest value has, for the sign.
  if (content.length > 3) malformed(`${what} above ${most}`);
  const value = content.reduce((sum, octet) => sum * 256 + octet, 0);
  return value <= most ? value : malformed(`${what} of ${value}; at most ${most}`);
}
