import { type Static, Type } from '@sinclair/typebox';
import { decodeJson } from '../../codec/json.ts';
import { malformed } from '../malformed.ts';

/** Longest collateral in bytes; what Intel gives has 12 to 26 thousand. */
export const COLLATERAL_BYTES_MAX = 48 * 1024;

/** What it must be is for the reader of each part, so that one that is spoilt keeps no other from being looked at. */
const text = Type.String({ maxLength: COLLATERAL_BYTES_MAX });
/** Absent, null and empty all mean that the part did not come. */
const optional = Type.Optional(Type.Union([Type.String({ maxLength: COLLATERAL_BYTES_MAX }), Type.Null()]));

const CollateralSchema = Type.Object({
  pck_crl_issuer_chain: optional,
  root_ca_crl: optional,
  pck_crl: optional,
  tcb_info_issuer_chain: text,
  tcb_info: text,
  tcb_info_signature: text,
  qe_identity_issuer_chain: text,
  qe_identity: text,
  qe_identity_signature: text,
});

/**
 * The parts of an endorsement of kind `intel-collateral`, in the layout that verifiers know as QuoteCollateralV3: issuer
 * chains in PEM, revocation lists as hex of DER or in PEM, `tcb_info` and `qe_identity` the very strings that are
 * signed, signatures as hex of R and S.
 */
export type CollateralParts = Static<typeof CollateralSchema>;

/**
 * Decodes the object that holds the parts. It is signed by nobody, so fields that we do not know are passed over: each
 * part stands for itself. Throws `MalformedInput`.
 */
export function parseCollateralParts(bytes: Uint8Array): CollateralParts {
  const parts = decodeJson(CollateralSchema, bytes, COLLATERAL_BYTES_MAX);
  return parts ?? malformed(`collateral is no JSON object of the layout in at most ${COLLATERAL_BYTES_MAX} bytes`);
}
