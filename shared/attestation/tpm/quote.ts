import type { CertificateSignature, CryptoPort, DigestName } from '../../crypto/port.ts';
import { attempt } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { TpmQuote } from './attest.ts';
import { parseQuote } from './attest.ts';
import type { AttestationKey } from './key.ts';
import type { PcrValues } from './pcr.ts';
import { algorithmText, pcrReasons } from './pcr.ts';
import type { TpmSignature } from './signature.ts';
import { fixedWidth, parseSignature, signatureHash } from './signature.ts';

/** A quote as it came: the TPMS_ATTEST and TPMT_SIGNATURE of the TPM, and the register values it is said to cover. */
export interface QuoteParts {
  readonly quote: Uint8Array;
  readonly signature: Uint8Array;
  readonly pcrs: PcrValues;
}

/** What a quote was found to be. `quote` and `signature` are `undefined` where they could not be read. */
export interface TpmQuoteVerification {
  readonly quote: TpmQuote | undefined;
  readonly signature: TpmSignature | undefined;
  readonly reasons: readonly Reason[];
}

const SCALAR_BYTES = { p256: 32, p384: 48 } as const;

/**
 * Verifies a quote by `key`: the signature over the bytes as they came, their form, and the digest over the registers.
 * A signature that does not hold is reported as `code`.
 */
export async function verifyQuoteParts(
  parts: QuoteParts,
  key: Pick<AttestationKey, 'kind' | 'spki'>,
  code: 'SIGNATURE_INVALID' | 'TPM_QUOTE_SIGNATURE_INVALID',
  crypto: CryptoPort,
): Promise<TpmQuoteVerification> {
  const signature = attempt(() => parseSignature(parts.signature));
  const quote = attempt(() => parseQuote(parts.quote));
  const reasons: Reason[] = [];
  if (signature.kind === 'refused') reasons.push(signature.reason);
  else reasons.push(...(await signatureReasons(parts.quote, signature.value, { key, code, crypto })));
  if (quote.kind === 'refused') reasons.push(quote.reason);
  const hash = signature.kind === 'parsed' ? signatureHash(signature.value.hash) : undefined;
  // The TPM digests registers with the hash of its signature; without one there is nothing to compare.
  if (quote.kind === 'parsed' && hash !== undefined) reasons.push(...pcrReasons(parts.pcrs, quote.value, hash, crypto));
  return {
    quote: quote.kind === 'parsed' ? quote.value : undefined,
    signature: signature.kind === 'parsed' ? signature.value : undefined,
    reasons,
  };
}

interface SignedBy {
  readonly key: Pick<AttestationKey, 'kind' | 'spki'>;
  readonly code: 'SIGNATURE_INVALID' | 'TPM_QUOTE_SIGNATURE_INVALID';
  readonly crypto: CryptoPort;
}

async function signatureReasons(
  message: Uint8Array,
  signature: TpmSignature,
  { key, code, crypto }: SignedBy,
): Promise<readonly Reason[]> {
  const hash = signatureHash(signature.hash);
  if (hash === undefined) {
    const detail = 'the quote is signed over a hash that is not allowed';
    return [{ code: 'ALG_NOT_ALLOWED', detail, found: algorithmText(signature.hash), wanted: 'SHA-256 or SHA-384' }];
  }
  const proof = proofOf(signature, key.kind, hash);
  if (proof === undefined) {
    const detail = 'the quote is signed in a scheme that is not one of its key';
    return [{ code: 'ALG_NOT_ALLOWED', detail, found: signature.scheme, wanted: `one of a key of kind ${key.kind}` }];
  }
  const { scheme, raw } = proof;
  if (raw !== undefined && (await crypto.verifyCertificateSignature(scheme, key.spki, raw, message))) return [];
  return [{ code, detail: 'the TPM quote is not signed by the attestation key' }];
}

/** How a signature is verified by a key of `kind`; `undefined` where it is not one by such a key. */
function proofOf(
  signature: TpmSignature,
  kind: AttestationKey['kind'],
  hash: DigestName,
): { readonly scheme: CertificateSignature; readonly raw: Uint8Array | undefined } | undefined {
  if (signature.scheme === 'rsassa') {
    return kind === 'rsa' ? { scheme: { kind: 'rsa-pkcs1', hash }, raw: signature.signature } : undefined;
  }
  if (kind === 'rsa') return undefined;
  const raw = fixedWidth(signature.r, signature.s, SCALAR_BYTES[kind]);
  return { scheme: { kind: 'ecdsa', hash, encoding: 'raw' }, raw };
}
