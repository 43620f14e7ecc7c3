import { equalBytes } from '../../bytes/bytes.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { readOctetsOfBitString } from '../der/values.ts';
import { malformed } from '../malformed.ts';
import type { AlgorithmIdentifier } from './algorithms.ts';
import { readAlgorithm } from './algorithms.ts';

/** What certificates and revocation lists have around their fields. Byte fields are views of the input. */
export interface Signed {
  /** The signed part, header included. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
}

/** What is read, in messages. */
interface Named {
  readonly what: string;
  readonly tbs: string;
  readonly bytesMax: number;
}

/** The fields of a signed part, and the algorithm that it names, as it is encoded. */
type Body = { readonly algorithmEncoding: Uint8Array };

/**
 * Parses one signed structure that fills `der` (RFC 5280 sections 4.1.1 and 5.1.1); `readBody` reads the fields of its
 * signed part, to the end. Throws `MalformedInput`.
 */
export function parseSigned<Fields extends object>(
  der: Uint8Array,
  named: Named,
  readBody: (tbs: DerReader) => Fields & Body,
): Omit<Fields & Body, keyof Body> & Signed {
  const { what, bytesMax } = named;
  if (der.length > bytesMax) malformed(`${what} of ${der.length} bytes; at most ${bytesMax}`);
  const outer = new DerReader(der, what);
  const parts = outer.enter(TAG.sequence);
  outer.end();
  const tbs = parts.expect(TAG.sequence);
  const outerAlgorithm = parts.expect(TAG.sequence).encoding;
  const signature = readOctetsOfBitString(parts);
  parts.end();
  const { algorithmEncoding, ...fields } = readBody(new DerReader(tbs.content, named.tbs));
  // RFC 5280 sections 4.1.1.2 and 5.1.1.2: both places name the same algorithm; only one of them is signed.
  if (!equalBytes(algorithmEncoding, outerAlgorithm)) malformed(`${what} that names two signature algorithms`);
  const signatureAlgorithm = readAlgorithm(new DerReader(algorithmEncoding, 'signature algorithm'));
  return { ...fields, tbs: tbs.encoding, signatureAlgorithm, signature };
}
