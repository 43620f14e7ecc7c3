import { textOf } from '../../bytes/bytes.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { malformed } from '../malformed.ts';
import { decodePem } from '../x509/pem.ts';

/** A PCK chain holds three certificates, an issuer chain two; room for some that are given twice. */
const MAX_CERTIFICATES = 8;

/**
 * The DER certificates of a chain as Intel's software hands it over, in their order: PEM with zero bytes behind it,
 * which C programs count in, or DER one after the other. Throws `MalformedInput`.
 */
export function splitCertificates(bytes: Uint8Array): readonly Uint8Array[] {
  return bytes[0] === TAG.sequence ? splitDer(bytes) : splitPem(bytes);
}

function splitPem(bytes: Uint8Array): readonly Uint8Array[] {
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const text = textOf(bytes.subarray(0, end));
  if (text === undefined) return malformed('certificate chain that is neither PEM nor DER');
  return decodePem(text, 'CERTIFICATE', MAX_CERTIFICATES);
}

function splitDer(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new DerReader(bytes, 'certificate chain');
  const ders: Uint8Array[] = [];
  while (reader.peek !== undefined) {
    if (ders.length === MAX_CERTIFICATES) malformed(`certificate chain of more than ${MAX_CERTIFICATES} certificates`);
    ders.push(reader.expect(TAG.sequence).encoding);
  }
  return ders;
}
