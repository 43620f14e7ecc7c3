import { equalBytes, toHex, u32be } from '../../bytes/bytes.ts';
import type { CryptoPort } from '../../crypto/port.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { malformed } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import { readSubjectKey } from '../x509/algorithms.ts';
import { RSA_MODULUS_BITS } from '../x509/rsa.ts';
import { ecSpki } from '../x509/spki.ts';
import type { TpmQuote } from './attest.ts';
import { algorithmText } from './pcr.ts';
import type { TpmPublic } from './public.ts';
import { nameOf, OBJECT_BITS, parsePublic, qualifiedName } from './public.ts';
import type { TpmSignature } from './signature.ts';

/** An attestation key as evidence shows it. Not trusted yet: see `ak.ts`. */
export interface AttestationKey {
  readonly kind: 'rsa' | 'p256' | 'p384';
  /** Modulus or curve size. */
  readonly bits: number;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** The TPM's own description of the key, where it came. */
  readonly area: { readonly encoded: Uint8Array; readonly parsed: TpmPublic } | undefined;
}

const SPKI_BYTES_MAX = 1024;
const CURVE_BITS = { p256: 256, p384: 384 } as const;

/** Handles that a primary key has for its parent: the owner, null, endorsement and platform hierarchies. */
const HIERARCHIES = [0x40000001, 0x40000007, 0x4000000b, 0x4000000c].map((handle) => u32be(handle));

/** Parses an attestation key: a TPMT_PUBLIC, or a DER SubjectPublicKeyInfo. Throws `MalformedInput`. */
export function parseAttestationKey(encoded: Uint8Array): AttestationKey {
  if (encoded[0] === TAG.sequence) return { ...parseKey(encoded), area: undefined };
  const parsed = parsePublic(encoded);
  return { ...parseKey(parsed.spki), area: { encoded, parsed } };
}

function parseKey(spki: Uint8Array): Omit<AttestationKey, 'area'> {
  if (spki.length > SPKI_BYTES_MAX) malformed(`attestation key of ${spki.length} bytes; at most ${SPKI_BYTES_MAX}`);
  const outer = new DerReader(spki, 'attestation key');
  const key = readSubjectKey(spki, outer.enter(TAG.sequence));
  outer.end();
  if (key.kind === 'other') return malformed('an attestation key that is neither RSA nor on curve P-256 or P-384');
  if (key.kind === 'rsa') {
    const { modulusBits: bits } = key;
    const allowed = bits >= RSA_MODULUS_BITS.least && bits <= RSA_MODULUS_BITS.most;
    return allowed ? { kind: 'rsa', bits, spki } : malformed(`an attestation key of RSA-${bits}`);
  }
  const bits = CURVE_BITS[key.kind];
  const plain = ecSpki(key.kind, spki.subarray(Math.max(0, spki.length - (2 * bits) / 8)));
  // Built again from its point: one key has one spelling, and so one fingerprint.
  if (plain === undefined || !equalBytes(plain, spki)) malformed('an attestation key that is no uncompressed point');
  return { kind: key.kind, bits, spki };
}

/** What keeps a TPM's key from signing anything but what that TPM made. */
const REQUIRED = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'sign'] as const;

/** What a check of a key's own description is made against. */
export interface Described {
  readonly quote: TpmQuote;
  readonly signature: TpmSignature;
  /** Qualified name of the key's parent; left out for a primary key. */
  readonly parent: Uint8Array | undefined;
}

/**
 * Why the description that came with a key is not one of an attestation key, or not of the key that signed the quote:
 * the quote names its signer by a hash over that description. No proof where the key is not trusted otherwise, since a
 * key that is not restricted signs any name.
 */
export function descriptionReasons(
  { area }: AttestationKey,
  { quote, signature, parent }: Described,
  crypto: Pick<CryptoPort, 'digest'>,
): readonly Reason[] {
  if (area === undefined) return [];
  const { parsed, encoded } = area;
  const reasons: Reason[] = [];
  const isSet = (name: keyof typeof OBJECT_BITS): boolean => (parsed.attributes & OBJECT_BITS[name]) !== 0;
  const lacking = [...REQUIRED.filter((name) => !isSet(name)), ...(isSet('decrypt') ? ['not decrypt'] : [])];
  if (lacking.length > 0) {
    const detail = 'the key is no attestation key: it may sign what its TPM did not make';
    reasons.push({
      code: 'CHAIN_INVALID',
      detail,
      found: `without ${lacking.join(', ')}`,
      wanted: REQUIRED.join(', '),
    });
  }
  if (parsed.scheme !== signature.scheme || parsed.schemeHash !== signature.hash) {
    const detail = 'the quote is signed in another scheme than the key is for';
    const found = `${signature.scheme} ${algorithmText(signature.hash)}`;
    const wanted = `${parsed.scheme} ${algorithmText(parsed.schemeHash)}`;
    reasons.push({ code: 'SIGNING_KEY_KIND_MISMATCH', detail, found, wanted });
  }
  const name = nameOf(parsed, encoded, crypto);
  const signers = (parent === undefined ? HIERARCHIES : [parent]).map((above) =>
    qualifiedName(parsed, above, name, crypto),
  );
  if (!signers.some((signer) => equalBytes(signer, quote.qualifiedSigner))) {
    const detail = 'the quote names another signer than the key that came with it';
    reasons.push({ code: 'SIGNATURE_INVALID', detail, found: toHex(quote.qualifiedSigner) });
  }
  return reasons;
}
