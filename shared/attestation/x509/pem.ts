import { fromBase64 } from '../../bytes/base64.ts';
import { malformed } from '../malformed.ts';

/** Labels in use (RFC 7468 sections 5, 6 and 13). */
export type PemLabel = 'CERTIFICATE' | 'X509 CRL' | 'PUBLIC KEY';

/**
 * DER of every block in PEM text (RFC 7468), in its order: blocks of `label` only, white space between them and in
 * their base64, at most `most` of them. Throws `MalformedInput`, also for text without a block.
 */
export function decodePem(text: string, label: PemLabel, most: number): readonly [Uint8Array, ...Uint8Array[]] {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  // What stands before the first block, then one piece a block: its base64, its end, and white space.
  const [before = '', ...pieces] = text.split(begin, most + 2);
  if (pieces.length > most) malformed(`PEM text of more than ${most} blocks`);
  if (before.trim() !== '') malformed('PEM text with something before a block');
  const [first, ...others] = pieces.map((piece) => decodeBlock(piece, end));
  return first === undefined ? malformed(`PEM text without a ${label}`) : [first, ...others];
}

function decodeBlock(piece: string, end: string): Uint8Array {
  const [body = '', after, again] = piece.split(end, 3);
  if (after === undefined || again !== undefined) return malformed('PEM block that does not end, or ends twice');
  if (after.trim() !== '') malformed('PEM text with something behind a block');
  const der = fromBase64(body.replace(/\s/g, ''));
  return der === undefined || der.length === 0 ? malformed('PEM block that is not base64') : der;
}
