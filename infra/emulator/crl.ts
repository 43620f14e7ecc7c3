import { EMPTY } from '#shared/bytes/bytes.ts';
import { extension, type Signing, type SigningKey, signed } from './certificate.ts';
import { der, sequence, time } from './der.ts';

/** A revocation list to be made. */
export interface CrlContents extends Signing {
  /** Name of the authority, in DER. */
  readonly issuer: Uint8Array;
  /** This and next update; milliseconds since 1970. */
  readonly validMs: readonly [thisUpdate: number, nextUpdate: number];
  /** Content octets of the serial numbers that it revokes. */
  readonly revoked?: readonly Uint8Array[];
}

/** Everything that a revocation list says, each part in DER. Each can be bent. */
export interface CrlFields extends Signing {
  readonly version: Uint8Array;
  readonly issuer: Uint8Array;
  readonly thisUpdate: Uint8Array;
  readonly nextUpdate: Uint8Array;
  /** The whole list of entries; empty bytes leave it out. */
  readonly revoked: Uint8Array;
  /** Empty leaves the element out. */
  readonly extensions: readonly Uint8Array[];
  /** Further parts behind the extensions of the signed part. */
  readonly extra: Uint8Array;
}

const V2 = der(0x02, Uint8Array.of(1));
/** The number of the list, an extension that every authority writes (RFC 5280 section 5.2.3). */
const CRL_NUMBER = extension('2.5.29.20', false, der(0x02, Uint8Array.of(1)));

/** The parts of a list as an authority writes them. */
export function crlFields({ issuer, validMs, revoked = [], ...signing }: CrlContents): CrlFields {
  const [thisUpdateMs, nextUpdateMs] = validMs;
  const entries = revoked.map((serial) => revokedEntry(serial, thisUpdateMs));
  return {
    ...signing,
    version: V2,
    issuer,
    thisUpdate: time(thisUpdateMs),
    nextUpdate: time(nextUpdateMs),
    revoked: entries.length === 0 ? EMPTY : sequence(...entries),
    extensions: [CRL_NUMBER],
    extra: EMPTY,
  };
}

/** One entry of a list: content octets of a serial number, ms since 1970 at which it was revoked, its own extensions. */
export function revokedEntry(serial: Uint8Array, atMs: number, extensions: readonly Uint8Array[] = []): Uint8Array {
  return sequence(der(0x02, serial), time(atMs), extensions.length === 0 ? EMPTY : sequence(...extensions));
}

/** DER of a revocation list (RFC 5280 section 5.1). */
export function writeCrl(fields: CrlFields, key: SigningKey): Uint8Array {
  const { version, algorithm, issuer, thisUpdate, nextUpdate, revoked, extensions, extra } = fields;
  const listed = extensions.length === 0 ? EMPTY : der(0xa0, sequence(...extensions));
  return signed(sequence(version, algorithm, issuer, thisUpdate, nextUpdate, revoked, listed, extra), fields, key);
}
