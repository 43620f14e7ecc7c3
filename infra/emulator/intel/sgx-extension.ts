import { concat } from '#shared/bytes/bytes.ts';
import { der, oid, sequence } from '../der.ts';

/** What a PCK certificate says of its platform. */
export interface PckFields {
  /** 16 bytes. */
  readonly ppid: Uint8Array;
  /** 16 numbers from 0 to 255. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** 16 bytes. */
  readonly cpuSvn: Uint8Array;
  /** 2 bytes. */
  readonly pceId: Uint8Array;
  /** 6 bytes. */
  readonly fmspc: Uint8Array;
  readonly sgxType: number;
  /** Boards with several processors only: 16 bytes, and how the board is set up. */
  readonly platformInstanceId?: Uint8Array;
  readonly configuration?: readonly [dynamicPlatform: boolean, cachedKeys: boolean, smtEnabled: boolean];
}

/** OID of the extension. */
export const SGX_EXTENSION = '1.2.840.113741.1.13.1';

/** DER of the extension's value. `rewrite` bends its fields: each is a SEQUENCE of an OID and a value. */
export function sgxExtensionValue(
  fields: PckFields,
  rewrite: (encoded: readonly Uint8Array[]) => readonly Uint8Array[] = (encoded) => encoded,
): Uint8Array {
  const { platformInstanceId, configuration } = fields;
  const encoded = [
    sgxField('1', octets(fields.ppid)),
    sgxField('2', sequence(...tcbFields(fields))),
    sgxField('3', octets(fields.pceId)),
    sgxField('4', octets(fields.fmspc)),
    sgxField('5', der(0x0a, Uint8Array.of(fields.sgxType))),
    ...(platformInstanceId === undefined ? [] : [sgxField('6', octets(platformInstanceId))]),
    ...(configuration === undefined ? [] : [sgxField('7', sequence(...configuration.map(flagField)))]),
  ];
  return sequence(...rewrite(encoded));
}

/** One field: `arc` is what follows the extension's OID, such as `2.17`. */
export function sgxField(arc: string, value: Uint8Array): Uint8Array {
  return sequence(oid(`${SGX_EXTENSION}.${arc}`), value);
}

/** The fields of `2`, TCB: 16 components, PCESVN, CPUSVN. */
export function tcbFields({ components, pceSvn, cpuSvn }: PckFields): readonly Uint8Array[] {
  return [
    ...components.map((svn, index) => sgxField(`2.${index + 1}`, integer(svn))),
    sgxField('2.17', integer(pceSvn)),
    sgxField('2.18', octets(cpuSvn)),
  ];
}

function flagField(value: boolean, index: number): Uint8Array {
  return sgxField(`7.${index + 1}`, der(0x01, Uint8Array.of(value ? 0xff : 0)));
}

function octets(value: Uint8Array): Uint8Array {
  return der(0x04, value);
}

/** INTEGER from 0 to 65535. */
function integer(value: number): Uint8Array {
  const digits = value < 0x100 ? Uint8Array.of(value) : Uint8Array.of(value >> 8, value & 0xff);
  const sign = (digits[0] ?? 0) < 0x80 ? new Uint8Array(0) : Uint8Array.of(0);
  return der(0x02, concat(sign, digits));
}
