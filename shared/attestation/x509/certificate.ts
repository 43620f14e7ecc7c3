import { equalBytes } from '../../bytes/bytes.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { readOctetsOfBitString, readSmallInteger, readUnsignedInteger } from '../der/values.ts';
import { malformed } from '../malformed.ts';
import type { AlgorithmIdentifier, SubjectKey } from './algorithms.ts';
import { readAlgorithm, readSubjectKey } from './algorithms.ts';
import type { Extensions } from './extensions.ts';
import { readExtensions } from './extensions.ts';
import { readTime } from './time.ts';

/** A parsed X.509 v3 certificate. All byte fields are views of `der`. */
export interface Certificate {
  readonly der: Uint8Array;
  /** The signed part, header included. */
  readonly tbs: Uint8Array;
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
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
}

/** No vendor's certificate comes near; it keeps work bounded where a format sets no limit of its own. */
const MAX_CERTIFICATE_BYTES = 16 * 1024;

/** RFC 5280 section 4.1.2.2: up to 20 octets, one more for the sign. */
const MAX_SERIAL_BYTES = 21;

/** Parses one DER certificate that fills `der` (RFC 5280 section 4.1). Throws `MalformedInput`. */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES)
    malformed(`certificate of ${der.length} bytes; at most ${MAX_CERTIFICATE_BYTES}`);
  const outer = new DerReader(der, 'certificate');
  const parts = outer.enter(TAG.sequence);
  outer.end();
  const tbs = parts.expect(TAG.sequence);
  const algorithmEncoding = parts.expect(TAG.sequence).encoding;
  const signature = readOctetsOfBitString(parts);
  parts.end();
  const body = parseBody(new DerReader(tbs.content, 'tbsCertificate'));
  // RFC 5280 section 4.1.1.2: both places name the same algorithm; only one of them is signed.
  if (!equalBytes(body.algorithmEncoding, algorithmEncoding))
    malformed('certificate that names two signature algorithms');
  const { algorithmEncoding: signedAlgorithm, ...fields } = body;
  const signatureAlgorithm = readAlgorithm(new DerReader(signedAlgorithm, 'signature algorithm'));
  return { der, tbs: tbs.encoding, ...fields, signatureAlgorithm, signature };
}

type Body = Omit<Certificate, 'der' | 'tbs' | 'signatureAlgorithm' | 'signature'> & {
  readonly algorithmEncoding: Uint8Array;
};

function parseBody(tbs: DerReader): Body {
  const version = tbs.enter(0xa0, 'certificate version');
  if (readSmallInteger(version) !== 2) malformed('certificate that is not X.509 v3');
  version.end();
  const serial = readUnsignedInteger(tbs);
  if (serial.length > MAX_SERIAL_BYTES) malformed(`certificate serial number of ${serial.length} octets`);
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
