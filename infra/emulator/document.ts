import { webcrypto } from 'node:crypto';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { concat, EMPTY } from '#shared/bytes/bytes.ts';
import { type Chain, SIGNING } from './pki.ts';

/** What the device states in one attestation document. */
export interface DocumentContents {
  readonly moduleId: string;
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
  /** Register index to value, 48 bytes each. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly publicKey: Uint8Array | null;
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
}

/** One entry of the payload map. */
export type PayloadEntry = readonly [CborInput, CborInput];

/** How a test bends a document. Every field left out is as the device does it. */
export interface DocumentDefects {
  /** Drops, adds, alters or reorders payload entries before they are signed. */
  readonly rewriteEntries?: (entries: readonly PayloadEntry[]) => readonly PayloadEntry[];
  /** Replaces the encoded payload before it is signed. */
  readonly rewritePayload?: (payload: Uint8Array) => Uint8Array;
  /** Alters the payload after it was signed. */
  readonly alterPayload?: (payload: Uint8Array) => Uint8Array;
  readonly alterSignature?: (signature: Uint8Array) => Uint8Array;
  /** Signs with a key other than the leaf's. */
  readonly signingKey?: webcrypto.CryptoKey;
  /** Protected header, by default `{1: -35}` (ES384). */
  readonly protectedHeader?: Uint8Array;
  /** Unprotected header, by default the empty map. */
  readonly unprotectedHeader?: CborInput;
  /** Puts the COSE_Sign1 tag (18) in front; the device leaves it out. */
  readonly tagged?: boolean;
  /** Bytes behind the end of the document. */
  readonly trailing?: Uint8Array;
}

const COSE_ALGORITHM = 1;
const ES384 = -35;
const COSE_SIGN1_TAG = Uint8Array.of(0xd2);

/**
 * An attestation document in the format of the Nitro Security Module: an untagged COSE_Sign1 (RFC 9052 section 4.2)
 * with an ES384 signature of 96 raw bytes, signed by the leaf of `chain`.
 */
export async function mintDocument(
  chain: Chain,
  contents: DocumentContents,
  defects: DocumentDefects = {},
): Promise<Uint8Array> {
  const entries = payloadEntries(chain, contents);
  const encoded = encodeCbor({ entries: defects.rewriteEntries?.(entries) ?? entries });
  const payload = defects.rewritePayload?.(encoded) ?? encoded;
  const protectedHeader = defects.protectedHeader ?? encodeCbor({ entries: [[COSE_ALGORITHM, ES384]] });
  const toSign = encodeCbor(['Signature1', protectedHeader, EMPTY, payload]);
  const key = defects.signingKey ?? chain.leafKey;
  const signature = new Uint8Array(await webcrypto.subtle.sign(SIGNING, key, Uint8Array.from(toSign)));
  const document = encodeCbor([
    protectedHeader,
    defects.unprotectedHeader ?? { entries: [] },
    defects.alterPayload?.(payload) ?? payload,
    defects.alterSignature?.(signature) ?? signature,
  ]);
  return concat(defects.tagged === true ? COSE_SIGN1_TAG : EMPTY, document, defects.trailing ?? EMPTY);
}

/** Payload entries in the order in which the device writes them. */
function payloadEntries(chain: Chain, contents: DocumentContents): readonly PayloadEntry[] {
  return [
    ['module_id', contents.moduleId],
    ['digest', 'SHA384'],
    ['timestamp', contents.timestampMs],
    ['pcrs', { entries: [...contents.pcrs] }],
    ['certificate', chain.certificate],
    ['cabundle', chain.cabundle],
    ['public_key', contents.publicKey],
    ['user_data', contents.userData],
    ['nonce', contents.nonce],
  ];
}
