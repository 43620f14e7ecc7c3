import { type CrlFields, crlFields, writeCrl } from '#infra/emulator/crl.ts';
import { EMPTY, fromHex } from '#shared/bytes/bytes.ts';
import { ECDSA_SHA384, type Keys, named } from './certificates.ts';

const HALF_DAY_MS = 43_200_000;

/** A list by `issuer`, current for a day around `atMs`, that revokes `serials` (hex of their content octets). */
export function plainCrl(issuer: string, atMs: number, serials: readonly string[] = []): CrlFields {
  return crlFields({
    algorithm: ECDSA_SHA384,
    hash: 'sha384',
    issuer: named(issuer),
    validMs: [atMs - HALF_DAY_MS, atMs + HALF_DAY_MS],
    revoked: serials.map((serial) => fromHex(serial) ?? EMPTY),
  });
}

/** DER of a list with `fields`, signed by `keys`. */
export function mintCrl(fields: CrlFields, keys: Keys): Uint8Array {
  return writeCrl(fields, keys.privateKey);
}
