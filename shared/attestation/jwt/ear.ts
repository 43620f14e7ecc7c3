import { EMPTY, fromHex, utf8 } from '../../bytes/bytes.ts';
import type { JsonObject } from '../json.ts';
import { isJsonObject, memberOf, textOfMember, textsOfMember } from '../json.ts';
import { malformed } from '../malformed.ts';
import type { PlatformVerifier, PolicyVocabulary } from '../platform.ts';
import { attributesOf } from './attributes.ts';
import { leavesDebugging } from './dbgstat.ts';
import { stated } from './hex-claim.ts';
import type { TokenClaims } from './token.ts';
import { tokenVerifier } from './token.ts';
import type { TrustTier } from './trust-tier.ts';
import { tierOfStatus, tiersOfVector, worstTier } from './trust-tier.ts';

const MEASUREMENT_BYTES = 48;
/** Where the Confidential Containers attestation service puts a TEE's measurements, within the annotated evidence. */
const MEASUREMENTS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  LAUNCH_MEASUREMENT: [
    ['snp', 'measurement'],
    ['az-snp-vtpm', 'measurement'],
  ],
  ...Object.fromEntries(
    [
      ['MRTD', 'mr_td'],
      ['RTMR0', 'rtmr_0'],
      ['RTMR1', 'rtmr_1'],
      ['RTMR2', 'rtmr_2'],
      ['RTMR3', 'rtmr_3'],
    ].map(([name = '', field = '']) => [name, [['tdx', 'quote', 'body', field]]]),
  ),
};
const EVIDENCE = 'ear.veraison.annotated-evidence';

const VOCABULARY: PolicyVocabulary = {
  measurements: Object.fromEntries(Object.keys(MEASUREMENTS).map((name) => [name, MEASUREMENT_BYTES])),
  attributes: {
    /** The worst status of all submodules, no better than their trustworthiness vectors: the verifier's own verdict. */
    ear_status: { type: 'text', otherwise: 'affirming' },
    /** The policy that the verifier judged by, where all submodules name one and the same. */
    appraisal_policy: { type: 'text' },
    verifier_developer: { type: 'text' },
    verifier_build: { type: 'text' },
    eat_profile: { type: 'text' },
  },
  openAttributes: true,
  levels: [],
  identifiedBy: [['appraisal_policy'], ['LAUNCH_MEASUREMENT'], ['MRTD', 'RTMR0', 'RTMR1', 'RTMR2']],
};

/** Reads an EAT Attestation Result (draft-ietf-rats-ear section 3); what the draft requires must be there. */
function readClaims(payload: JsonObject): TokenClaims {
  const submods = memberOf(payload, 'submods');
  const appraisals = isJsonObject(submods) ? Object.values(submods) : [];
  if (appraisals.length === 0) malformed('attestation result without submods');
  const tiers = appraisals.flatMap(tiersOf);
  const evidence = appraisals.map((appraisal) => memberOf(appraisal, EVIDENCE));
  return {
    measurements: measurementsOf(evidence),
    // An attestation result need not speak of debugging: its status takes it in.
    debug: [payload, ...appraisals].some((claims) => leavesDebugging(memberOf(claims, 'dbgstat'))),
    attributes: attributesOf(payload, VOCABULARY, {
      ear_status: worstTier(tiers),
      appraisal_policy: same(appraisals.map((appraisal) => textOfMember(appraisal, 'ear.appraisal-policy-id'))),
      verifier_developer: requiredText(payload, 'ear.verifier-id', 'developer'),
      verifier_build: requiredText(payload, 'ear.verifier-id', 'build'),
      eat_profile: requiredText(payload, 'eat_profile'),
    }),
    levels: {},
    tcb: undefined,
    reportData: reportDataOf(evidence),
    nonce: utf8(textsOfMember(payload, 'eat_nonce')[0] ?? ''),
  };
}

/** Of its status and of every claim behind it: a result that contradicts itself counts as the worse. */
function tiersOf(appraisal: unknown): readonly TrustTier[] {
  const status = tierOfStatus(memberOf(appraisal, 'ear.status'));
  return [status, ...tiersOfVector(memberOf(appraisal, 'ear.trustworthiness-vector'))];
}

function requiredText(payload: JsonObject, ...path: readonly string[]): string {
  return textOfMember(payload, ...path) ?? malformed(`attestation result without ${path.join('.')}`);
}

/** What the evidence of exactly one value states; submodules that contradict each other state nothing. */
function measurementsOf(evidence: readonly unknown[]): Readonly<Record<string, string>> {
  return stated(
    Object.fromEntries(
      Object.entries(MEASUREMENTS).map(([name, paths]) => {
        const texts = evidence.flatMap((each) => paths.map((path) => textOfMember(each, ...path)));
        return [name, same(texts.filter((text) => text !== undefined && isHex(text, MEASUREMENT_BYTES)))] as const;
      }),
    ),
  );
}

function reportDataOf(evidence: readonly unknown[]): Uint8Array {
  const texts = evidence.map((each) => textOfMember(each, 'report_data'));
  const hex = same(texts.filter((text) => text !== undefined && isHex(text, 64)));
  return (hex === undefined ? undefined : fromHex(hex)) ?? EMPTY;
}

function isHex(text: string, byteCount: number): boolean {
  return text.length === 2 * byteCount && /^[0-9a-f]*$/.test(text);
}

/** The one value that all have; `undefined` when they differ, when one is undefined, and of none. */
function same(values: readonly (string | undefined)[]): string | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

/**
 * EAT attestation results, as the attestation service of Confidential Containers and Veraison issue them, by a pinned
 * key. Report data are those of the annotated evidence, 64 bytes in hexadecimal. `exp` is not required by the draft: a
 * result without one is as old as `iat` says, which policy limits.
 */
export const coCoEar: PlatformVerifier = {
  title: 'EAT attestation result (Confidential Containers, Veraison)',
  verify: tokenVerifier({
    platform: 'eat-ear',
    algorithms: ['ES256', 'ES384', 'RS256'],
    chains: 'none',
    expiry: 'optional',
    issuerReasons: () => [],
    read: readClaims,
  }),
  anchors: [],
  vocabulary: VOCABULARY,
  reportDataBytes: 64,
  unprotected: 'an attestation result says what its verifier found, and need not be of a TEE',
};
