import { DerReader, TAG } from '../der/reader.ts';
import { readSmallInteger, readUnsignedInteger } from '../der/values.ts';
import { malformed } from '../malformed.ts';
import type { SubjectKey } from './algorithms.ts';
import { readSubjectKey } from './algorithms.ts';
import type { Extensions } from './extensions.ts';
import { readExtensions } from './extensions.ts';
import type { Signed } from './signed.ts';
import { parseSigned } from './signed.ts';
import { readTime } from './time.ts';

/** A parsed X.509 v3 certificate. All byte fields are views of `der`. */
export interface Certificate extends Signed {
  readonly der: Uint8Array;
  /** Content octets of the serial number. */
  readonly serial: Uint8Array;
  /** Names as they are encoded: they chain when their bytes are equal. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** First and last second of validity, both inclusive, in ms since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly key: SubjectKey;
  readonly extensions: Extensions;
}

/** No vendor's certificate comes near; it keeps work bounded where a format sets no limit of its own. */
const MAX_CERTIFICATE_BYTES = 16 * 1024;

/** Longest serial number (RFC 5280 section 4.1.2.2): up to 20 octets, one more for the sign. */
export const SERIAL_BYTES_MAX = 21;

/** Parses one DER certificate that fills `der` (RFC 5280 section 4.1). Throws `MalformedInput`. */
export function parseCertificate(der: Uint8Array): Certificate {
  const named = { what: 'certificate', tbs: 'tbsCertificate', bytesMax: MAX_CERTIFICATE_BYTES };
  return { der, ...parseSigned(der, named, parseBody) };
}

function parseBody(tbs: DerReader) {
  const version = tbs.enter(0xa0, 'certificate version');
  if (readSmallInteger(version) !== 2) malformed('certificate that is not X.509 v3');
  version.end();
  const serial = readUnsignedInteger(tbs);
  if (serial.length > SERIAL_BYTES_MAX) malformed(`certificate serial number of ${serial.length} octets`);
  const algorithmEncoding = tbs.expect(TAG.sequence).encoding;
  const issuer = tbs.expect(TAG.sequence).encoding;
  const validity = tbs.enter(TAG.sequence, 'validity');
  const notBeforeMs = readTime(validity);
  const notAfterMs = readTime(validity);
  validity.end();
  const subject = tbs.expect(TAG.sequence).encoding;
  const spki = tbs.expect(TAG.sequence);
  const key = readSubjectKey(spki.encoding, new DerReader(spki.content, 'subjectPublicKeyInfo'));
  const extensions = readExtensions(tbs.enter(0xa3, 'extensions'));
  tbs.end();
  return { serial, algorithmEncoding, issuer, notBeforeMs, notAfterMs, subject, key, extensions };
}
