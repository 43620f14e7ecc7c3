import { fromBase64 } from '../../bytes/base64.ts';
import { equalBytes } from '../../bytes/bytes.ts';
import { pinOf } from '../anchor.ts';
import type { Evidence } from '../evidence.ts';
import { attempt, malformed } from '../malformed.ts';
import type { VerificationContext } from '../verification.ts';
import type { SubjectKey } from '../x509/algorithms.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { decodePem } from '../x509/pem.ts';
import { RSA_MODULUS_BITS } from '../x509/rsa.ts';
import type { JwsScheme } from './jws.ts';

/** No issuer's chain is longer. */
const CHAIN_MAX = 8;

/**
 * DER certificates of an `x5c` header parameter, leaf first (RFC 7515 section 4.1.6): base64 of DER, or PEM text, as
 * older tokens of Google hold. Throws `MalformedInput`.
 */
export function readX5c(value: unknown): readonly [Uint8Array, ...Uint8Array[]] {
  const entries: readonly unknown[] = Array.isArray(value) ? value : [];
  if (entries.length > CHAIN_MAX) malformed(`x5c of ${entries.length} certificates; at most ${CHAIN_MAX}`);
  const [leaf, ...others] = entries.map(readEntry);
  return leaf === undefined ? malformed('x5c that lists no certificates') : [leaf, ...others];
}

function readEntry(entry: unknown): Uint8Array {
  if (typeof entry !== 'string') return malformed('x5c with an entry that is no text');
  if (entry.startsWith('-')) return decodePem(entry, 'CERTIFICATE', 1)[0];
  const der = fromBase64(entry);
  return der === undefined || der.length === 0 ? malformed('x5c with an entry that is not base64') : der;
}

/**
 * SubjectPublicKeyInfo of the first certificate of `x5c` if it is of the kind `key`; `undefined` for anything else. It
 * says whose key it is and proves nothing: the caller must pin the key.
 */
export function leafKeyOf(x5c: unknown, kind: JwsScheme['key']): Uint8Array | undefined {
  const parsed = attempt(() => parseCertificate(readX5c(x5c)[0]).key);
  return parsed.kind === 'parsed' && isKeyFor(kind, parsed.value) ? parsed.value.spki : undefined;
}

/** Whether `key` is of the kind that an algorithm takes, and neither shorter nor longer than RSA keys are accepted. */
export function isKeyFor(kind: JwsScheme['key'], key: SubjectKey): boolean {
  if (key.kind !== 'rsa') return key.kind === kind;
  return kind === 'rsa' && key.modulusBits >= RSA_MODULUS_BITS.least && key.modulusBits <= RSA_MODULUS_BITS.most;
}

/**
 * `ders` up to a pinned root. A chain may leave its root out; it is then taken from the `certificate` endorsements, if
 * one of them is pinned and named as the issuer of the last.
 */
export function completeChain(
  ders: readonly Uint8Array[],
  { endorsements, platform }: Evidence,
  context: VerificationContext,
): readonly Uint8Array[] {
  const isPinned = (der: Uint8Array): boolean => pinOf(der, platform, context).anchor !== undefined;
  const last = ders.at(-1);
  if (last === undefined || isPinned(last)) return ders;
  const roots = endorsements.filter(({ kind, bytes }) => kind === 'certificate' && isPinned(bytes));
  const root = roots.find(({ bytes }) => isIssuer(bytes, last));
  return root === undefined ? ders : [...ders, root.bytes];
}

function isIssuer(issuer: Uint8Array, subject: Uint8Array): boolean {
  const parsed = attempt(() => equalBytes(parseCertificate(issuer).subject, parseCertificate(subject).issuer));
  return parsed.kind === 'parsed' && parsed.value;
}
