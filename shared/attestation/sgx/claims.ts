import { EMPTY, toHex } from '../../bytes/bytes.ts';
import type { Claims } from '../claims.ts';
import { hasOtherBits } from '../dcap/bits.ts';
import { PLATFORM_ATTRIBUTES, PLATFORM_LEVELS, platformClaims } from '../dcap/platform-claims.ts';
import type { Quote } from '../dcap/quote.ts';
import type { SgxReportBody } from '../dcap/sgx-report.ts';
import { hasSgxFlag, SGX_FLAGS } from '../dcap/sgx-report.ts';
import type { QuoteBasis } from '../dcap/verify-quote.ts';
import type { PolicyVocabulary } from '../platform.ts';

/**
 * Names that a policy may use for SGX. An enclave is named by its measurement, or by its signer together with the
 * product and the least version of it: a signer alone stands for all that it ever signed.
 */
export const SGX_VOCABULARY: PolicyVocabulary = {
  measurements: { MRENCLAVE: 32, MRSIGNER: 32, CONFIGID: 64, ISVFAMILYID: 16, ISVEXTPRODID: 16 },
  attributes: {
    // The processor reports on initialised enclaves only; before, their content can still change.
    init: { type: 'boolean', otherwise: true },
    // Enclaves with these get keys that speak for the platform or launch others: not for an application.
    provision_key: { type: 'boolean', otherwise: false },
    einittoken_key: { type: 'boolean', otherwise: false },
    // With key separation whoever starts the enclave chooses CONFIGID, which may decide what it does.
    kss: { type: 'boolean', otherwise: false },
    // Attributes without a meaning here may take protection away.
    unknown_attributes: { type: 'boolean', otherwise: false },
    mode64bit: { type: 'boolean' },
    isv_prod_id: { type: 'number' },
    misc_select: { type: 'text' },
    xfrm: { type: 'text' },
    ...PLATFORM_ATTRIBUTES,
  },
  openAttributes: false,
  levels: ['isv_svn', 'config_svn', ...PLATFORM_LEVELS],
  identifiedBy: [['MRENCLAVE'], ['MRSIGNER', 'isv_prod_id', 'isv_svn']],
};

/** What a quote says of an enclave and of the platform below it. */
export function sgxClaims(quote: Quote<SgxReportBody>, basis: QuoteBasis): Claims {
  const { report } = quote;
  const platform = platformClaims(quote, basis);
  return {
    ...platform,
    platform: 'intel-sgx',
    measurements: {
      MRENCLAVE: toHex(report.mrEnclave),
      MRSIGNER: toHex(report.mrSigner),
      CONFIGID: toHex(report.configId),
      ISVFAMILYID: toHex(report.isvFamilyId),
      ISVEXTPRODID: toHex(report.isvExtProdId),
    },
    debug: hasSgxFlag(report, 'debug'),
    attributes: { ...attributesOf(report), ...platform.attributes },
    levels: { isv_svn: report.isvSvn, config_svn: report.configSvn, ...platform.levels },
    reportData: report.reportData,
    nonce: EMPTY,
    issuedAtMs: undefined,
    checks: CHECKS,
  };
}

function attributesOf(report: SgxReportBody): Claims['attributes'] {
  return {
    init: hasSgxFlag(report, 'init'),
    provision_key: hasSgxFlag(report, 'provisionKey'),
    einittoken_key: hasSgxFlag(report, 'einitTokenKey'),
    kss: hasSgxFlag(report, 'kss'),
    unknown_attributes: hasOtherBits(report.attributes.subarray(0, 8), Object.values(SGX_FLAGS)),
    mode64bit: hasSgxFlag(report, 'mode64bit'),
    isv_prod_id: report.isvProdId,
    misc_select: toHex(report.miscSelect),
    xfrm: toHex(report.attributes.subarray(8)),
  };
}

const CHECKS = [
  'quote format, every length and reserved field',
  'signature of the enclave report by the attestation key',
  'the attestation key by the report of the quoting enclave, that report by the PCK certificate',
  'PCK certificate up to the pinned root: signatures, names, validity, SGX extension',
  'collateral under the same root: signatures, validity, revocation lists',
  'revocation, identity of the quoting enclave, TCB level of the platform',
];
