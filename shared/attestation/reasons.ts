/**
 * Why evidence was refused: the closed list. The first group follows the codes of the published attestation test
 * vectors, so that verdicts compare one to one; the second is what our own appraisal adds. Codes are never renamed.
 */
export const REASON_CODES = {
  MALFORMED: 'the evidence is not what its format says',
  TRAILING_DATA: 'bytes follow the evidence',
  ALG_NOT_ALLOWED: 'a signature algorithm outside the allow-list of the platform',
  SIGNATURE_INVALID: 'the evidence is not signed by the key that its certificate names',
  CHAIN_INVALID: 'a certificate is malformed, not signed by the one before it, or may not sign',
  CHAIN_UNTRUSTED_ROOT: 'the chain ends in a root that is neither compiled in nor named by the policy',
  CERT_EXPIRED: 'a certificate is past its validity at the stated time',
  CERT_NOT_YET_VALID: 'a certificate is not valid yet at the stated time',
  CERT_REVOKED: 'a certificate is on the revocation list of its issuer',
  CRL_INVALID: 'a revocation list is malformed, or not signed by the authority that it is for',
  CRL_EXPIRED: 'a revocation list is past its next update at the stated time',
  CRL_NOT_YET_VALID: 'a revocation list is not valid yet at the stated time',
  CRL_MISSING: 'the revocation list of an authority did not come with the evidence',
  ENDORSEMENT_MISSING: 'a certificate that the evidence is verified by did not come with it',
  DEBUG_ENABLED: 'the enclave runs in debug mode: its operator can read its memory',
  CHIP_ID_MISMATCH: 'the certificate is for another chip than the one that made the evidence',
  TCB_EXTENSION_MISMATCH: 'the certificate is for another version of the firmware than the evidence states',
  SIGNING_KEY_KIND_MISMATCH: 'the evidence names another kind of signing key than its certificate is for',
  PRODUCT_MISMATCH: 'the evidence comes from another processor generation than its certificate',
  TCB_BELOW_MINIMUM: 'a component is older than the policy accepts',
  VMPL_MISMATCH: 'the evidence was made at another privilege level than the policy wants',
  HOST_DATA_MISMATCH: 'the host gave the guest other data than the policy wants',
  QE_REPORT_SIGNATURE_INVALID: 'the report of the quoting enclave is not signed by the platform certificate',
  QE_REPORT_BINDING_INVALID: 'the quoting enclave vouches for another attestation key',
  PCK_CERTIFICATE_MISSING: 'the quote does not hold its platform certificate',
  COLLATERAL_MISSING: "the vendor's collateral did not come with the evidence",
  COLLATERAL_MALFORMED: "the vendor's collateral is not what its format says",
  COLLATERAL_CHAIN_INVALID: 'the certificates under the collateral do not lead to the root, or are not for signing it',
  COLLATERAL_SIGNATURE_INVALID: 'a part of the collateral is not signed by its certificate',
  COLLATERAL_EXPIRED: 'the collateral is past its next update at the stated time',
  COLLATERAL_NOT_YET_VALID: 'the collateral was issued after the stated time',
  FMSPC_MISMATCH: 'the TCB info is for another platform',
  TCB_INFO_TYPE_MISMATCH: 'the TCB info is for another kind of TEE',
  QE_IDENTITY_MISMATCH: 'the quoting enclave is not the one that its vendor names',
  TDX_MODULE_MRSIGNER_MISMATCH: 'the TDX module is signed by another than the vendor names',
  TDX_MODULE_ATTRIBUTES_MISMATCH: 'the TDX module has other attributes than the vendor names',
  TCB_OUT_OF_DATE: 'the vendor rates the platform out of date',
  TCB_SW_HARDENING_NEEDED: 'the vendor asks for hardening in software on this platform',
  TCB_CONFIGURATION_NEEDED: 'the vendor asks for another configuration of this platform',
  TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED: 'the vendor asks for another configuration and for hardening in software',
  TCB_OUT_OF_DATE_CONFIGURATION_NEEDED: 'the vendor rates the platform out of date and asks for another configuration',
  TCB_TD_RELAUNCH_ADVISED: 'the trust domain was launched on an older TCB and should be launched again',
  TCB_REVOKED: 'the vendor has revoked this TCB',
  TCB_NOT_SUPPORTED: 'the platform is below every TCB level that the vendor lists',
  RUNTIME_DATA_BINDING_INVALID: 'the runtime data is not what the hardware report vouches for',
  TD_QUOTE_NOT_FOR_THIS_TD_REPORT: 'the TD quote is genuine, but for another TD report',
  QUOTE_MISSING: 'a quote that proves the report did not come with it',
  TPM_QUOTE_SIGNATURE_INVALID: 'the TPM quote is not signed by the attestation key',
  PCR_DIGEST_MISMATCH: 'the register values are not those that the TPM signed',
  NONCE_MISMATCH: 'our nonce is not among those that the evidence answers: it may be a replay',
  KEY_UNKNOWN: 'no pinned key signed the evidence',
  TOKEN_EXPIRED: 'the token is past its validity at the stated time',
  TOKEN_NOT_YET_VALID: 'the token is not valid yet at the stated time',

  PLATFORM_NOT_ACCEPTED: 'the policy names no enclave on this platform',
  MEASUREMENT_MISMATCH: 'the enclave runs other code than the policy names',
  CLAIM_MISMATCH: 'the evidence states another value than the policy wants',
  TCB_ADVISORY_NOT_ACCEPTED: 'a security advisory applies that the policy does not accept',
  REFERENCE_VALUES_NOT_VALID: 'the reference values are not valid at the stated time',
  EVENT_LOG_MISMATCH: 'the event log does not lead to the register values that the TPM signed',
  ISSUER_MISMATCH: 'the token was issued by another service than this platform belongs to',
  EVIDENCE_TOO_OLD: 'the evidence was made longer ago than the policy allows',
  EVIDENCE_FROM_FUTURE: 'the evidence was made after the stated time: one of the two clocks is wrong',
  BINDING_MISMATCH: 'genuine evidence, but for other keys, another manifest or other nonces',
  MANIFEST_MISMATCH: 'the enclave serves another manifest',
  POLICY_MISSING: 'no policy was given; without reference values nothing passes',
} as const;

/** A code of {@link REASON_CODES}. */
export type ReasonCode = keyof typeof REASON_CODES;

/**
 * One failed check. `detail` is in our own words and names the place; `found` and `wanted` are the two values,
 * as short text (hex, time, name), where there are two to compare.
 */
export interface Reason {
  readonly code: ReasonCode;
  readonly detail: string;
  readonly found?: string;
  readonly wanted?: string;
}
