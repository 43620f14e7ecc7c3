import { DerReader, TAG } from '../der/reader.ts';
import { readOid, readSmallInteger } from '../der/values.ts';
import { malformed } from '../malformed.ts';
import type { Certificate } from '../x509/certificate.ts';

/** TCG's extension for the identity of a device and its firmware (DICE), `tcg-dice`. */
const COMPOSITE_DEVICE_ID = '2.23.133.5.4.1';
const SHA384 = '2.16.840.1.101.3.4.2.2';

/**
 * The digest of the firmware that a device certificate was issued for: the FWID of its composite device id,
 * `SEQUENCE { version, deviceID SubjectPublicKeyInfo, SEQUENCE { hashAlg, fwid } }`; `undefined` where it has none.
 * Throws `MalformedInput`.
 */
export function firmwareIdOf({ extensions }: Certificate): Uint8Array | undefined {
  const value = extensions.values.get(COMPOSITE_DEVICE_ID);
  if (value === undefined) return undefined;
  const outer = new DerReader(value, 'composite device id');
  const fields = outer.enter(TAG.sequence);
  outer.end();
  readSmallInteger(fields);
  fields.expect(TAG.sequence);
  const firmware = fields.enter(TAG.sequence);
  fields.end();
  if (readOid(firmware) !== SHA384) malformed('firmware id in a certificate that is no SHA-384 digest');
  const digest = firmware.expect(TAG.octetString).content;
  firmware.end();
  return digest;
}
