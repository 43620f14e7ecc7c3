import { EMPTY } from '../../bytes/bytes.ts';
import type { CborItem } from '../cbor/decode.ts';
import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { malformed } from '../malformed.ts';

/** A COSE_Sign1 message (RFC 9052 section 4.2) whose only header is a protected algorithm. Views of the input. */
export interface Sign1 {
  readonly protectedBytes: Uint8Array;
  /** COSE algorithm number, -35 for ES384 (RFC 9053 section 2.1). Not judged here. */
  readonly algorithm: number;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** COSE number of ECDSA with SHA-384. */
export const ES384 = -35;

const SIGN1_TAG = 18;
const ALGORITHM_LABEL = 1;

/**
 * Parses a COSE_Sign1, with or without its tag. The protected header holds the algorithm and nothing else, the
 * unprotected one nothing: whatever is there and not signed could be changed by anyone on the way.
 * Throws `MalformedInput`.
 */
export function parseSign1(bytes: Uint8Array): Sign1 {
  const outer = decodeCbor(bytes);
  const message = outer.kind === 'tag' && outer.tag === SIGN1_TAG ? outer.item : outer;
  if (message.kind !== 'array') return malformed(`COSE_Sign1 is a CBOR ${message.kind}, not an array`);
  const [header, unprotected, payload, signature] = message.items;
  if (message.items.length !== 4) malformed(`COSE_Sign1 of ${message.items.length} elements, not 4`);
  if (unprotected?.kind !== 'map' || unprotected.entries.size > 0)
    malformed('COSE_Sign1 with an unprotected header that is not empty');
  const protectedBytes = byteString(header, 'protected header');
  return {
    protectedBytes,
    algorithm: readAlgorithm(protectedBytes),
    payload: byteString(payload, 'payload'),
    signature: byteString(signature, 'signature'),
  };
}

/** The bytes that are signed (RFC 9052 section 4.4, context "Signature1", no external data), from those received. */
export function signedBytes(message: Pick<Sign1, 'protectedBytes' | 'payload'>): Uint8Array {
  return encodeCbor(['Signature1', message.protectedBytes, EMPTY, message.payload]);
}

function byteString(item: CborItem | undefined, what: string): Uint8Array {
  return item?.kind === 'bytes' ? item.value : malformed(`COSE_Sign1 ${what} is not a byte string`);
}

function readAlgorithm(protectedBytes: Uint8Array): number {
  // Any spelling: these bytes are signed as they are, and a foreign algorithm is to be named as one.
  const header = decodeCbor(protectedBytes, 'any');
  if (header.kind !== 'map' || header.entries.size !== 1)
    return malformed('COSE_Sign1 protected header is not a map of one entry');
  const algorithm = header.entries.get(ALGORITHM_LABEL);
  return algorithm?.kind === 'integer' ? algorithm.value : malformed('COSE_Sign1 protected header names no algorithm');
}
