import { fromBase64 } from '../../bytes/base64.ts';
import { textOf } from '../../bytes/bytes.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { malformed } from '../malformed.ts';

/** A PCK chain holds three certificates, an issuer chain two; room for one that is given twice. */
const MAX_CERTIFICATES = 8;
const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/**
 * The DER certificates of a chain as Intel's software hands it over, in their order: PEM blocks (RFC 7468) with
 * nothing but white space around them and zero bytes behind them, which C programs count in, or DER one after the
 * other. Throws `MalformedInput`.
 */
export function splitCertificates(bytes: Uint8Array): readonly Uint8Array[] {
  const ders = bytes[0] === TAG.sequence ? splitDer(bytes) : splitPem(bytes);
  if (ders.length === 0) malformed('certificate chain without a certificate');
  return ders;
}

function splitDer(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new DerReader(bytes, 'certificate chain');
  const ders: Uint8Array[] = [];
  while (reader.peek !== undefined) {
    if (ders.length === MAX_CERTIFICATES) tooMany();
    ders.push(reader.expect(TAG.sequence).encoding);
  }
  return ders;
}

function splitPem(bytes: Uint8Array): readonly Uint8Array[] {
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const text = textOf(bytes.subarray(0, end)) ?? malformed('certificate chain that is neither PEM nor DER');
  const [before = '', ...blocks] = text.split(BEGIN, MAX_CERTIFICATES + 2);
  if (before.trim() !== '') malformed('certificate chain with text before its first certificate');
  if (blocks.length > MAX_CERTIFICATES) tooMany();
  return blocks.map(readBlock);
}

function readBlock(block: string): Uint8Array {
  const [body = '', after, ...further] = block.split(END);
  if (after === undefined || further.length > 0 || after.trim() !== '') {
    return malformed('PEM certificate without its end, or with text behind it');
  }
  return fromBase64(body.split(/\s/).join('')) ?? malformed('PEM certificate that is not base64');
}

function tooMany(): never {
  return malformed(`certificate chain of more than ${MAX_CERTIFICATES} certificates`);
}
