import { utf8 } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import { pinOf } from '../anchor.ts';
import { attempt, malformed } from '../malformed.ts';
import type { Platform } from '../platforms.ts';
import type { Reason, ReasonCode } from '../reasons.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { commonName } from '../x509/common-name.ts';
import type { PathRules } from '../x509/path.ts';
import { isSelfIssued, validateAuthorityPath, validatePath } from '../x509/path.ts';
import { splitCertificates } from './certificates.ts';

/** Whom collateral may be signed by: the roots of `platform` among `anchors`. */
export interface CollateralTrust {
  readonly anchors: readonly Anchor[];
  readonly platform: Platform;
}

/** What a chain's lower certificate is for: signing TCB info and QE identity, or PCK certificates and their CRL. */
export type IssuerRole = 'tcb-signing' | 'pck-authority';

/** A chain of the collateral: Intel's are two certificates long. */
export interface IssuerChain {
  readonly root: Certificate;
  readonly issuer: Certificate;
  /** The issuer's common name; `undefined` where it has none, or more than one. */
  readonly issuerName: string | undefined;
}

/** What came of verifying a chain; `chain` is there whenever it could be read. */
export interface IssuerVerification {
  readonly reasons: readonly Reason[];
  readonly chain: IssuerChain | undefined;
}

/** Intel's name of the certificate that signs TCB info and QE identities (PCS API). No other may. */
const TCB_SIGNER = 'Intel SGX TCB Signing';

/** Collateral is valid while all of its certificates are: what is said of one of them is said of the collateral as well. */
const SPAN_CODES: Readonly<Partial<Record<ReasonCode, ReasonCode>>> = {
  CERT_EXPIRED: 'COLLATERAL_EXPIRED',
  CERT_NOT_YET_VALID: 'COLLATERAL_NOT_YET_VALID',
};

/** Verifies an issuer chain of the collateral, up to a pinned root. `what` names the chain in reasons. */
export async function verifyIssuerChain(
  { text, what, role }: { readonly text: string; readonly what: string; readonly role: IssuerRole },
  trust: CollateralTrust,
  rules: PathRules,
): Promise<IssuerVerification> {
  const invalid = (detail: string): Reason => ({ code: 'COLLATERAL_CHAIN_INVALID', detail: `${what}: ${detail}` });
  const parsed = attempt(() => readChain(text));
  if (parsed.kind === 'refused') return { reasons: [invalid(parsed.reason.detail)], chain: undefined };
  const { root, issuer, issuerName } = parsed.value;
  const path = await (role === 'tcb-signing' ? validatePath : validateAuthorityPath)([root, issuer], rules);
  const reasons = path.flatMap((reason) =>
    codesOf(reason).map((code) => ({ ...reason, code, detail: `${what}: ${reason.detail}` })),
  );
  if (role === 'tcb-signing' && issuerName !== TCB_SIGNER) {
    reasons.push(invalid(`its certificate is not named ${TCB_SIGNER}`));
  }
  const { anchor, sha256 } = pinOf(root.der, trust.platform, { anchors: trust.anchors, crypto: rules.crypto });
  if (anchor === undefined) {
    reasons.push({ ...invalid('its root is not the one that is trusted'), found: sha256 });
  }
  return { reasons, chain: parsed.value };
}

function codesOf({ code }: Reason): readonly ReasonCode[] {
  const ofSpan = SPAN_CODES[code];
  return ofSpan === undefined ? ['COLLATERAL_CHAIN_INVALID'] : [code, ofSpan];
}

/** Root and issuer, in whichever order they stand. */
function readChain(text: string): IssuerChain {
  const [first, second, ...others] = splitCertificates(utf8(text)).map(parseCertificate);
  if (first === undefined || second === undefined || others.length > 0) malformed('not two certificates');
  if (isSelfIssued(first) === isSelfIssued(second)) return malformed('not one root and one certificate below it');
  const [root, issuer] = isSelfIssued(first) ? [first, second] : [second, first];
  return { root, issuer, issuerName: commonName(issuer.subject) };
}
