import { der } from '#infra/emulator/der.ts';
import { utf8 } from '#shared/bytes/bytes.ts';

export { der, oid, sequence } from '#infra/emulator/der.ts';

export function bitString(unused: number, ...octets: readonly number[]): Uint8Array {
  return der(0x03, Uint8Array.of(unused, ...octets));
}

/** UTCTime up to 2049, else GeneralizedTime, of milliseconds since 1970. */
export function time(atMs: number): Uint8Array {
  const text = new Date(atMs).toISOString().replace(/\.\d+|[-:T]/g, '');
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050 ? der(0x17, utf8(text.slice(2))) : der(0x18, utf8(text));
}
