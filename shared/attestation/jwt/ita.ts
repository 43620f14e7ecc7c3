import { utf8 } from '../../bytes/bytes.ts';
import type { JsonObject } from '../json.ts';
import { integerOfMember, isJsonObject, memberOf, textOfMember, textsOfMember } from '../json.ts';
import type { PlatformVerifier, PolicyVocabulary } from '../platform.ts';
import { attributesOf } from './attributes.ts';
import { leavesDebugging } from './dbgstat.ts';
import { stated } from './hex-claim.ts';
import { INTEL_MEASUREMENTS, intelMeasurements, isDebuggable, reportDataOf } from './intel-claims.ts';
import { tcbVerdict } from './tcb-status.ts';
import type { TokenClaims } from './token.ts';
import { tokenVerifier } from './token.ts';

const VOCABULARY: PolicyVocabulary = {
  measurements: INTEL_MEASUREMENTS,
  attributes: {
    iss: { type: 'text', code: 'ISSUER_MISMATCH' },
    /** `TDX` or `SGX`. */
    tee: { type: 'text' },
    product_id: { type: 'number' },
  },
  openAttributes: true,
  levels: ['isv_svn', 'seam_svn'],
  identifiedBy: [['MRTD', 'RTMR0', 'RTMR1', 'RTMR2'], ['MRENCLAVE'], ['MRSIGNER', 'product_id', 'isv_svn']],
};

/** Every name that a claim has had: today's, and those of the time when the service was called Project Amber. */
const PREFIXES = ['tdx_', 'sgx_', 'amber_tdx_', 'amber_sgx_'] as const;
const DEBUG_FLAGS = [
  'tdx_is_debuggable',
  'tdx_td_attributes_debug',
  'sgx_is_debuggable',
  'amber_sgx_is_debuggable',
  'amber_tee_is_debuggable',
] as const;

/** Reads the claims by the Intel Trust Authority EAT profile, of which version 2 nests those of a TEE. */
function readClaims(payload: JsonObject): TokenClaims {
  const tee = teeClaims(payload);
  const first = (...names: readonly string[]): unknown =>
    names.map((name) => memberOf(tee, name)).find((value) => value !== undefined);
  return {
    measurements: intelMeasurements(tee, PREFIXES),
    debug: isDebug(payload, tee),
    attributes: attributesOf(payload, VOCABULARY, {
      iss: textOfMember(payload, 'iss'),
      tee: textOfMember(tee, 'attester_type') ?? textOfMember(tee, 'amber_evidence_type'),
      product_id: integerOfMember(tee, 'sgx_isvprodid') ?? integerOfMember(tee, 'amber_sgx_isvprodid'),
    }),
    levels: stated({
      isv_svn: integerOfMember(tee, 'sgx_isvsvn') ?? integerOfMember(tee, 'amber_sgx_isvsvn'),
      seam_svn: integerOfMember(tee, 'tdx_seamsvn') ?? integerOfMember(tee, 'amber_tdx_seamsvn'),
    }),
    tcb: tcbVerdict(
      [memberOf(tee, 'attester_tcb_status'), memberOf(tee, 'amber_tcb_status')],
      textsOfMember(tee, 'attester_advisory_ids'),
    ),
    reportData: reportDataOf(first('tdx_report_data', 'sgx_report_data', 'amber_report_data')),
    nonce: utf8(textOfMember(payload, 'eat_nonce') ?? textOfMember(tee, 'verifier_nonce', 'val') ?? ''),
  };
}

/** The claims of the one TEE that the token is about: nested since version 2, where `tdx` and `sgx` exclude each other. */
function teeClaims(payload: JsonObject): JsonObject {
  const nested = [memberOf(payload, 'tdx'), memberOf(payload, 'sgx')].find(isJsonObject);
  return nested ?? payload;
}

/** Of the TEE, and of the GPUs that a token of version 2 may be about as well. */
function isDebug(payload: JsonObject, tee: JsonObject): boolean {
  const gpus = memberOf(payload, 'nvgpu');
  const details = memberOf(gpus, 'claim_details');
  const devices = [gpus, ...(isJsonObject(details) ? Object.values(details) : [])];
  const hardware = isDebuggable({
    flags: DEBUG_FLAGS.map((name) => memberOf(tee, name)),
    dbgstat: memberOf(tee, 'dbgstat'),
    tdAttributes: memberOf(tee, 'tdx_td_attributes'),
  });
  return hardware || devices.some((device) => leavesDebugging(memberOf(device, 'dbgstat')));
}

/**
 * Intel Trust Authority: PS384, or RS256 where the attester asked for it, by a pinned key. Report data are those of the
 * quote. The service's own clients put a hash of its nonce and of their data there; our attester puts ours.
 */
export const intelTrustAuthority: PlatformVerifier = {
  title: 'Intel Trust Authority',
  verify: tokenVerifier({
    platform: 'intel-trust-authority',
    algorithms: ['PS384', 'RS256'],
    chains: 'none',
    expiry: 'required',
    // Issuer names have changed with the service and are no addresses: the pinned key says who issued the token.
    issuerReasons: () => [],
    read: readClaims,
  }),
  anchors: [],
  vocabulary: VOCABULARY,
  reportDataBytes: 64,
};
