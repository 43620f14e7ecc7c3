import { EMPTY, fromHex, utf8 } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import type { JsonObject } from '../json.ts';
import { booleanOfMember, memberOf, textOfMember, textsOfMember } from '../json.ts';
import { malformed } from '../malformed.ts';
import type { PlatformVerifier, PolicyVocabulary } from '../platform.ts';
import type { AttributeValue } from './attributes.ts';
import { attributesOf } from './attributes.ts';
import { hexClaim, stated } from './hex-claim.ts';
import { issuerMustBe } from './issuer.ts';
import { tcbVerdict } from './tcb-status.ts';
import type { TokenClaims } from './token.ts';
import { tokenVerifier } from './token.ts';

/**
 * The root of Google's PKI tokens: CN=Confidential Space Root CA, O=Google LLC, valid from 2024-01-19 to 2034-01-16.
 * Google serves it at confidentialcomputing.googleapis.com/.well-known/confidential_space_root.crt; public tokens of
 * 2024 and 2025 carry the same certificate.
 */
const CONFIDENTIAL_SPACE_ROOT: Anchor = {
  kind: 'certificate',
  name: 'Google Confidential Space root',
  platform: 'gcp-confidential-space',
  sha256: '148b293821bb0c6a317f413c8ba475814091cb22d49b9e3c94198db8e8f86c39',
  emulated: false,
};

const ISSUER = 'https://confidentialcomputing.googleapis.com';

const VOCABULARY: PolicyVocabulary = {
  measurements: { IMAGE_DIGEST: 32, IMAGE_ID: 32 },
  attributes: {
    aud: { type: 'text' },
    hwmodel: { type: 'text' },
    /** Whether the machine's memory is encrypted at all; a shielded VM's is not. */
    confidential_vm: { type: 'boolean', otherwise: true },
    secboot: { type: 'boolean', otherwise: true },
    /** `GCE` where the image did not pass validation or was revoked. */
    swname: { type: 'text', otherwise: 'CONFIDENTIAL_SPACE' },
    swversion: { type: 'text' },
    latest: { type: 'boolean' },
    stable: { type: 'boolean' },
    usable: { type: 'boolean' },
    project_id: { type: 'text' },
    zone: { type: 'text' },
    service_account: { type: 'text' },
    cmd_overridden: { type: 'boolean' },
    env_overridden: { type: 'boolean' },
    memory_monitored: { type: 'boolean' },
    gpu_cc_mode: { type: 'text' },
  },
  openAttributes: true,
  levels: [],
  identifiedBy: [['IMAGE_DIGEST', 'aud']],
};

/** How a nonce carries 32 bytes of report data. */
const REPORT_DATA = /^[0-9a-f]{64}$/;

/** Reads the claims by Google's "Attestation token claims" of Confidential Space. */
function readClaims(payload: JsonObject): TokenClaims {
  const nonces = textsOfMember(payload, 'eat_nonce');
  const reportData = nonces.find((nonce) => REPORT_DATA.test(nonce));
  return {
    measurements: stated({
      IMAGE_DIGEST: digestOf(payload, 'image_digest'),
      IMAGE_ID: digestOf(payload, 'image_id'),
    }),
    debug: isDebug(payload),
    attributes: attributesOf(payload, VOCABULARY, namedAttributes(payload)),
    levels: {},
    tcb: tcbVerdict(tcbStatuses(payload), []),
    reportData: (reportData === undefined ? undefined : fromHex(reportData)) ?? EMPTY,
    nonce: utf8(nonces[0] ?? ''),
  };
}

/** A digest of the container as the claims spell it: `sha256:` and 64 digits. */
function digestOf(payload: JsonObject, name: string): string | undefined {
  const PREFIX = 'sha256:';
  const text = memberOf(payload, 'submods', 'container', name);
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !text.startsWith(PREFIX)) return malformed(`token ${name} is no SHA-256 digest`);
  return hexClaim(text.slice(PREFIX.length), 32, name);
}

/** Anything but the one word for an image without debugging counts as debugging, as does a GPU without protection. */
function isDebug(payload: JsonObject): boolean {
  const gpu = memberOf(payload, 'submods', 'nvidia_gpu', 'cc_mode');
  return memberOf(payload, 'dbgstat') !== 'disabled-since-boot' || gpu === 'DEVTOOLS';
}

function namedAttributes(payload: JsonObject): Readonly<Record<string, AttributeValue | undefined>> {
  const text = (...path: readonly string[]): string | undefined => textOfMember(payload, ...path);
  const support = textsOfMember(payload, 'submods', 'confidential_space', 'support_attributes');
  const accounts = textsOfMember(payload, 'google_service_accounts');
  const model = text('hwmodel');
  return {
    aud: text('aud'),
    hwmodel: model,
    confidential_vm: model?.startsWith('GCP_AMD_SEV') === true || model?.startsWith('GCP_INTEL_TDX') === true,
    secboot: booleanOfMember(payload, 'secboot'),
    swname: text('swname'),
    swversion: onlyOne(textsOfMember(payload, 'swversion')),
    latest: support.includes('LATEST'),
    stable: support.includes('STABLE'),
    usable: support.includes('USABLE'),
    project_id: text('submods', 'gce', 'project_id'),
    zone: text('submods', 'gce', 'zone'),
    service_account: onlyOne(accounts),
    cmd_overridden: memberOf(payload, 'submods', 'container', 'cmd_override') !== undefined,
    env_overridden: memberOf(payload, 'submods', 'container', 'env_override') !== undefined,
    memory_monitored: booleanOfMember(payload, 'submods', 'confidential_space', 'monitoring_enabled', 'memory'),
    gpu_cc_mode: text('submods', 'nvidia_gpu', 'cc_mode'),
  };
}

/** Statuses of the TDX claims, which Google documents as an array and issues as an object. */
function tcbStatuses(payload: JsonObject): readonly unknown[] {
  const tdx = memberOf(payload, 'tdx');
  const sets: readonly unknown[] = Array.isArray(tdx) ? tdx : [tdx];
  return sets.flatMap((set) => [memberOf(set, 'gcp_attester_tcb_status'), memberOf(set, 'attester_tcb_status')]);
}

function onlyOne(texts: readonly string[]): string | undefined {
  return texts.length === 1 ? texts[0] : undefined;
}

/**
 * Google Confidential Space: PKI tokens under Google's root, OIDC tokens under a pinned key of the issuer's. The 32
 * bytes of report data are asked for as a nonce of 64 lower-case hexadecimal digits; the first such nonce counts.
 */
export const gcpConfidentialSpace: PlatformVerifier = {
  title: 'Google Confidential Space',
  verify: tokenVerifier({
    platform: 'gcp-confidential-space',
    algorithms: ['RS256'],
    chains: 'x5c',
    expiry: 'required',
    issuerReasons: issuerMustBe(ISSUER),
    read: readClaims,
  }),
  anchors: [CONFIDENTIAL_SPACE_ROOT],
  vocabulary: VOCABULARY,
  reportDataBytes: 32,
};
