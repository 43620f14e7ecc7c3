import { utf8 } from '../../bytes/bytes.ts';
import type { CryptoPort } from '../../crypto/port.ts';
import { attempt } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { Certificate } from '../x509/certificate.ts';
import { octets } from './tcb-json.ts';

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

const SCHEME = { kind: 'ecdsa', hash: 'sha256', encoding: 'raw' } as const;

/** Verifies a signed part, then parses it. Without a signer, which is reported with its chain, nothing is read. */
export async function verifySigned<T>(
  { what, text, signature, parse }: Signed<T>,
  signer: Certificate | undefined,
  crypto: CryptoPort,
): Promise<SignedVerification<T>> {
  if (signer === undefined) return { reasons: [], value: undefined };
  const held =
    signer.key.kind === 'p256' &&
    (await crypto.verifyCertificateSignature(SCHEME, signer.key.spki, octets(signature), utf8(text)));
  if (!held) {
    const detail = `the ${what} is not signed by the P-256 key of its certificate`;
    return { reasons: [{ code: 'COLLATERAL_SIGNATURE_INVALID', detail }], value: undefined };
  }
  const parsed = attempt(() => parse(text));
  if (parsed.kind === 'parsed') return { reasons: [], value: parsed.value };
  return { reasons: [{ ...parsed.reason, code: 'COLLATERAL_MALFORMED' }], value: undefined };
}
