import { fromHex } from '../../bytes/bytes.ts';
import type { Concern } from '../claims.ts';
import { attempt, malformed } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { parseCrl, verifyCrl } from '../x509/crl.ts';
import type { PathRules } from '../x509/path.ts';
import { decodePem } from '../x509/pem.ts';

/** What came of a revocation list of the collateral; `crl` is there whenever it could be read. */
export interface CollateralCrlVerification {
  readonly reasons: readonly Reason[];
  readonly concerns: readonly Concern[];
  readonly crl: Crl | undefined;
}

/**
 * Verifies a revocation list of the collateral against its authority; without a readable authority only its form is
 * looked at. A list that did not come is left to policy, one that cannot be used is not. `what` names it in reasons.
 */
export async function verifyCollateralCrl(
  { text, what }: { readonly text: string | null | undefined; readonly what: string },
  authority: Certificate | undefined,
  rules: PathRules,
): Promise<CollateralCrlVerification> {
  if (text === undefined || text === null || text === '') {
    const missing: Concern = { code: 'CRL_MISSING', detail: `the ${what} did not come with the collateral` };
    return { reasons: [], concerns: [missing], crl: undefined };
  }
  const parsed = attempt(() => readCrl(text));
  if (parsed.kind === 'refused') {
    const reason: Reason = { code: 'CRL_INVALID', detail: `${what}: ${parsed.reason.detail}` };
    return { reasons: [reason], concerns: [], crl: undefined };
  }
  if (authority === undefined) return { reasons: [], concerns: [], crl: parsed.value };
  return { ...(await verifyCrl(parsed.value, authority, rules)), crl: parsed.value };
}

/** Intel's service gives DER or PEM (PCS API, "encoding"); collateral carries DER in hex. */
function readCrl(text: string): Crl {
  if (!text.startsWith('-----BEGIN')) return parseCrl(fromHex(text) ?? malformed('neither PEM nor hex of DER'));
  const [der] = decodePem(text, 'X509 CRL', 1);
  return parseCrl(der);
}
