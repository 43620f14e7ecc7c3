import { fromHex, utf8 } from '../../bytes/bytes.ts';
import type { CryptoPort } from '../../crypto/port.ts';
import { attempt } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { Certificate } from '../x509/certificate.ts';

/** A part of the collateral that is signed: the signature, hex of R and S, is over the very bytes of `text`. */
export interface Signed<T> {
  readonly what: string;
  readonly text: string;
  readonly signature: string;
  /** Throws `MalformedInput`. */
  readonly parse: (text: string) => T;
}

/** What came of it; `value` is there when it is signed by the certificate that came with it, and could be read. */
export interface SignedVerification<T> {
  readonly reasons: readonly Reason[];
  readonly value: T | undefined;
}

/** R and S of ECDSA with P-256. */
const SIGNATURE_BYTES = 64;
const SCHEME = { kind: 'ecdsa', hash: 'sha256', encoding: 'raw' } as const;

/** Verifies a signed part, then parses it. Without a signer, which is reported with its chain, nothing is read. */
export async function verifySigned<T>(
  { what, text, signature, parse }: Signed<T>,
  signer: Certificate | undefined,
  crypto: CryptoPort,
): Promise<SignedVerification<T>> {
  if (signer === undefined) return { reasons: [], value: undefined };
  const detail = `the ${what} is not signed by the P-256 key of its certificate`;
  const unsigned: Reason = { code: 'COLLATERAL_SIGNATURE_INVALID', detail };
  const raw = fromHex(signature);
  if (raw?.length !== SIGNATURE_BYTES) {
    const [found, wanted] = [`${signature.length} characters`, `${2 * SIGNATURE_BYTES} of hexadecimal`];
    const form = { detail: `the signature of the ${what} is not R and S in hexadecimal`, found, wanted };
    return { reasons: [{ code: 'COLLATERAL_MALFORMED', ...form }, unsigned], value: undefined };
  }
  const held =
    signer.key.kind === 'p256' && (await crypto.verifyCertificateSignature(SCHEME, signer.key.spki, raw, utf8(text)));
  if (!held) return { reasons: [unsigned], value: undefined };
  const parsed = attempt(() => parse(text));
  if (parsed.kind === 'parsed') return { reasons: [], value: parsed.value };
  return { reasons: [{ ...parsed.reason, code: 'COLLATERAL_MALFORMED' }], value: undefined };
}
