import { utf8 } from '../../bytes/bytes.ts';
import type { JsonObject } from '../json.ts';
import { booleanOfMember, integerOfMember, isJsonObject, memberOf, textOfMember, textsOfMember } from '../json.ts';
import type { PlatformVerifier, PolicyVocabulary } from '../platform.ts';
import type { Reason } from '../reasons.ts';
import type { AttributeValue } from './attributes.ts';
import { attributesOf } from './attributes.ts';
import { hexClaim, stated } from './hex-claim.ts';
import { INTEL_MEASUREMENTS, intelMeasurements, isDebuggable, reportDataOf } from './intel-claims.ts';
import { issuerMismatch } from './issuer.ts';
import { tcbVerdict } from './tcb-status.ts';
import type { TokenClaims } from './token.ts';
import { tokenVerifier } from './token.ts';

const VOCABULARY: PolicyVocabulary = {
  measurements: {
    LAUNCH_MEASUREMENT: 48,
    HOST_DATA: 32,
    ID_KEY_DIGEST: 48,
    AUTHOR_KEY_DIGEST: 48,
    ...INTEL_MEASUREMENTS,
  },
  attributes: {
    iss: { type: 'text', code: 'ISSUER_MISMATCH' },
    /** `sevsnpvm`, `tdxvm` or `sgx`; absent where the service attested no such hardware. */
    tee: { type: 'text' },
    compliance_status: { type: 'text' },
    policy_hash: { type: 'text' },
    secure_boot: { type: 'boolean' },
    vmpl: { type: 'number', code: 'VMPL_MISMATCH' },
    migration_allowed: { type: 'boolean' },
    smt_allowed: { type: 'boolean' },
    product_id: { type: 'number' },
  },
  openAttributes: true,
  levels: ['bootloader_svn', 'tee_svn', 'snp_svn', 'microcode_svn', 'guest_svn', 'isv_svn', 'seam_svn'],
  // Microsoft's service signs for anyone who runs an attestation provider, and the provider's owner writes its policy:
  // a token means nothing before its issuer is named. HOST_DATA singles out nothing: the host chooses it for any code.
  identifiedBy: [
    ['iss', 'LAUNCH_MEASUREMENT'],
    ['iss', 'MRTD', 'RTMR0', 'RTMR1', 'RTMR2'],
    ['iss', 'MRENCLAVE'],
    ['iss', 'MRSIGNER', 'product_id', 'isv_svn'],
  ],
};

const SCHEME = 'https://';
const DOMAIN = '.attest.azure.net';
/** What stands between the two: labels of a host name, and no port, user, path, query or fragment. */
const PROVIDER = /^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,3}$/;

function issuerReasons(payload: JsonObject): readonly Reason[] {
  const issuer = textOfMember(payload, 'iss') ?? '';
  const provider = issuer.slice(SCHEME.length, -DOMAIN.length);
  if (issuer.startsWith(SCHEME) && issuer.endsWith(DOMAIN) && PROVIDER.test(provider)) return [];
  return [issuerMismatch(payload, `${SCHEME}<provider>${DOMAIN}`)];
}

/** Reads the claims by Azure Attestation's "Claim sets" and its EAT profile for TDX. */
function readClaims(payload: JsonObject): TokenClaims {
  // A confidential VM's token is about Windows or Linux; what the hardware attested is nested in it.
  const nested = memberOf(payload, 'x-ms-isolation-tee');
  const tee = isJsonObject(nested) ? nested : payload;
  const snp = (name: string): unknown => memberOf(tee, `x-ms-sevsnpvm-${name}`);
  return {
    measurements: {
      ...stated({
        LAUNCH_MEASUREMENT: hexClaim(snp('launchmeasurement'), 48, 'launch measurement'),
        HOST_DATA: hexClaim(snp('hostdata'), 32, 'host data'),
        ID_KEY_DIGEST: hexClaim(snp('idkeydigest'), 48, 'id key digest'),
        AUTHOR_KEY_DIGEST: hexClaim(snp('authorkeydigest'), 48, 'author key digest'),
      }),
      ...intelMeasurements(tee, ['tdx_', 'x-ms-sgx-']),
    },
    debug: isDebug(payload, tee),
    attributes: attributesOf(payload, VOCABULARY, namedAttributes(payload, tee)),
    levels: levelsOf(tee),
    tcb: tcbVerdict([memberOf(tee, 'attester_tcb_status')], textsOfMember(tee, 'attester_advisory_ids')),
    // In a confidential VM the hardware's report data is the hash of the runtime data, and the guest's own 64 bytes are
    // a member of those; the service vouches for the link.
    reportData: reportDataOf(
      guestData(tee),
      snp('reportdata'),
      memberOf(tee, 'tdx_report_data'),
      memberOf(tee, 'x-ms-sgx-report-data'),
    ),
    nonce: utf8(
      textOfMember(payload, 'x-ms-runtime', 'client-payload', 'nonce') ?? textOfMember(payload, 'nonce') ?? '',
    ),
  };
}

/** The 64 bytes that a guest wrote for its paravisor to bind; runtime data of other makers may hold anything here. */
function guestData(tee: JsonObject): string | undefined {
  const text = textOfMember(tee, 'x-ms-runtime', 'user-data');
  return text !== undefined && /^[0-9A-Fa-f]{128}$/.test(text) ? text : undefined;
}

/** Of the hardware, and of the guest's boot and kernel where the token speaks of them. */
function isDebug(payload: JsonObject, tee: JsonObject): boolean {
  const enabled = ['bootdebug', 'hypervisordebug', 'kerneldebug'].map((name) =>
    memberOf(payload, `x-ms-azurevm-${name}-enabled`),
  );
  const debuggersDisabled = memberOf(payload, 'x-ms-azurevm-debuggersdisabled');
  const hardware = isDebuggable({
    flags: ['x-ms-sevsnpvm-is-debuggable', 'x-ms-sgx-is-debuggable', 'tdx_td_attributes_debug'].map((name) =>
      memberOf(tee, name),
    ),
    dbgstat: memberOf(tee, 'dbgstat'),
    tdAttributes: memberOf(tee, 'tdx_td_attributes'),
  });
  const guest = enabled.some((flag) => flag !== undefined && flag !== false);
  return hardware || guest || (debuggersDisabled !== undefined && debuggersDisabled !== true);
}

function namedAttributes(payload: JsonObject, tee: JsonObject): Readonly<Record<string, AttributeValue | undefined>> {
  const type = textOfMember(tee, 'x-ms-attestation-type');
  return {
    iss: textOfMember(payload, 'iss'),
    tee: type === 'azurevm' ? undefined : type,
    compliance_status: textOfMember(tee, 'x-ms-compliance-status'),
    policy_hash: textOfMember(payload, 'x-ms-policy-hash'),
    secure_boot: booleanOfMember(payload, 'secureboot'),
    vmpl: integerOfMember(tee, 'x-ms-sevsnpvm-vmpl'),
    migration_allowed: booleanOfMember(tee, 'x-ms-sevsnpvm-migration-allowed'),
    smt_allowed: booleanOfMember(tee, 'x-ms-sevsnpvm-smt-allowed'),
    product_id: integerOfMember(tee, 'x-ms-sgx-product-id'),
  };
}

function levelsOf(tee: JsonObject): Readonly<Record<string, number>> {
  const snp = (name: string): number | undefined => integerOfMember(tee, `x-ms-sevsnpvm-${name}`);
  return stated({
    bootloader_svn: snp('bootloader-svn'),
    tee_svn: snp('tee-svn'),
    snp_svn: snp('snpfw-svn'),
    microcode_svn: snp('microcode-svn'),
    guest_svn: snp('guestsvn'),
    isv_svn: integerOfMember(tee, 'x-ms-sgx-svn'),
    seam_svn: integerOfMember(tee, 'tdx_seamsvn'),
  });
}

/**
 * Microsoft Azure Attestation: RS256 by a pinned key of the provider. Report data are the guest's `user-data` in the
 * runtime data of a confidential VM, else the hardware's own 64 bytes. A VM's launch measurement covers Microsoft's
 * firmware; what runs above it is for other claims to say.
 */
export const azureMaa: PlatformVerifier = {
  title: 'Microsoft Azure Attestation',
  verify: tokenVerifier({
    platform: 'azure-maa-jwt',
    algorithms: ['RS256'],
    chains: 'none',
    expiry: 'required',
    issuerReasons,
    read: readClaims,
  }),
  anchors: [],
  vocabulary: VOCABULARY,
  reportDataBytes: 64,
};
