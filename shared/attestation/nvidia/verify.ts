import { equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import type { Claims } from '../claims.ts';
import { attempt } from '../malformed.ts';
import type { PlatformVerifier } from '../platform.ts';
import type { Reason } from '../reasons.ts';
import type { EvidenceVerifier, VerificationContext } from '../verification.ts';
import { refusedFor } from '../verification.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { VerifiedChain } from '../x509/chain.ts';
import { commonValidity, verifyChain } from '../x509/chain.ts';
import { NVIDIA_DEVICE_IDENTITY_CA } from './anchors.ts';
import { firmwareIdOf } from './firmware-id.ts';
import type { DeviceFacts } from './opaque.ts';
import { readDeviceFacts } from './opaque.ts';
import type { SpdmReport } from './spdm.ts';
import { DIGEST_BYTES, INDEX_MAX, parseSpdmReport, REPORT_BYTES_MAX, SIGNATURE_BYTES } from './spdm.ts';

/** Device, boot ROM, provisioner, model, root; room for one more. */
const CHAIN_MAX = 6;

/**
 * Verifies the report of an NVIDIA GPU or switch: SPDM request and response, ECDSA P-384 with SHA-384 over all but the
 * signature by the device's key, the chain of `certificate` endorsements (leaf first) up to NVIDIA's root, and the
 * firmware that the certificate was issued for. The measurements are not compared with NVIDIA's reference values (RIM) and
 * no certificate's revocation is asked for (NVIDIA answers by OCSP, online): policy must name what it wants.
 */
const verifyNvidia: EvidenceVerifier = async ({ document, endorsements }, context) => {
  if (document.length > REPORT_BYTES_MAX) {
    const detail = `SPDM report of ${document.length} bytes; at most ${REPORT_BYTES_MAX}`;
    return refusedFor({ code: 'MALFORMED', detail });
  }
  if (endorsements.some(({ kind }) => kind !== 'certificate') || endorsements.length > CHAIN_MAX) {
    const detail = `endorsements next to an SPDM report that are not at most ${CHAIN_MAX} certificates`;
    return refusedFor({ code: 'MALFORMED', detail });
  }
  if (endorsements.length === 0) {
    return refusedFor({ code: 'ENDORSEMENT_MISSING', detail: 'the certificates of the device did not come with it' });
  }
  const rules = { platform: 'nvidia-gpu', allowed: ['ecdsa-sha384'] } as const;
  const chain = await verifyChain(
    endorsements.map(({ bytes }) => bytes),
    rules,
    context,
  );
  const parsed = attempt(() => parseSpdmReport(document));
  const report = parsed.kind === 'parsed' ? parsed.value : undefined;
  const facts = report && readDeviceFacts(report.opaque);
  const reasons = [
    ...(parsed.kind === 'parsed' ? [] : [parsed.reason]),
    ...(await signatureReasons(document, chain.leaf, context)),
    ...chain.reasons,
    ...(facts === undefined || chain.leaf === undefined ? [] : firmwareReasons(facts, chain.leaf)),
  ];
  const { anchor, certificates } = chain;
  if (report === undefined || facts === undefined || anchor === undefined || certificates.length === 0) {
    return refusedFor(...reasons);
  }
  const claims = claimsOf({ document, report, facts, anchor, chain }, context);
  return reasons.length === 0 ? { kind: 'verified', claims } : { kind: 'refused', reasons, claims };
};

/** Asked whether or not the report can be parsed: what is signed does not depend on its fields. */
async function signatureReasons(
  document: Uint8Array,
  leaf: Certificate | undefined,
  { crypto }: VerificationContext,
): Promise<readonly Reason[]> {
  // A leaf that cannot be read is reported with the chain.
  if (leaf === undefined) return [];
  if (leaf.key.kind !== 'p384') {
    return [{ code: 'ALG_NOT_ALLOWED', detail: 'the device key is not on curve P-384' }];
  }
  const end = Math.max(0, document.length - SIGNATURE_BYTES);
  const signature = document.subarray(end);
  const scheme = { kind: 'ecdsa', hash: 'sha384', encoding: 'raw' } as const;
  const held =
    signature.length === SIGNATURE_BYTES &&
    (await crypto.verifyCertificateSignature(scheme, leaf.key.spki, signature, document.subarray(0, end)));
  return held ? [] : [{ code: 'SIGNATURE_INVALID', detail: 'the report is not signed by the key of the device' }];
}

/** A report that names its firmware must name the one that the certificate was issued for; switches name none. */
function firmwareReasons({ firmwareId }: DeviceFacts, leaf: Certificate): readonly Reason[] {
  if (firmwareId === undefined) return [];
  const certified = attempt(() => firmwareIdOf(leaf));
  if (certified.kind === 'refused') return [{ code: 'CHAIN_INVALID', detail: certified.reason.detail }];
  if (certified.value !== undefined && equalBytes(certified.value, firmwareId)) return [];
  const detail = 'the certificate was issued for other firmware than the report names';
  const wanted = certified.value === undefined ? 'none' : toHex(certified.value);
  return [{ code: 'CHAIN_INVALID', detail, found: toHex(firmwareId), wanted }];
}

interface Verified {
  readonly document: Uint8Array;
  readonly report: SpdmReport;
  readonly facts: DeviceFacts;
  readonly anchor: Anchor;
  readonly chain: VerifiedChain;
}

function claimsOf({ document, report, facts, anchor, chain }: Verified, { crypto }: VerificationContext): Claims {
  const { name, platform, sha256, emulated } = anchor;
  const [validFromMs, validUntilMs] = commonValidity(chain.certificates);
  const digests = report.measurements.filter(({ isDigest }) => isDigest);
  return {
    platform,
    measurements: Object.fromEntries(digests.map(({ index, value }) => [`MEASUREMENT${index}`, toHex(value)])),
    // The report has no flag for it: debugging shows in the measurements, and in the certificate that is not issued.
    debug: false,
    attributes: attributesOf(facts, chain.subjects),
    levels: {},
    tcb: undefined,
    concerns: [],
    reportData: report.requestNonce,
    nonce: report.requestNonce,
    issuedAtMs: undefined,
    validFromMs,
    validUntilMs,
    root: { name, platform, sha256, emulated },
    checks: CHECKS,
    details: {
      responseNonce: toHex(report.responseNonce),
      contentSha256: toHex(crypto.digest('sha256', document.subarray(0, document.length - SIGNATURE_BYTES))),
      chain: chain.subjects.join(' < '),
    },
  };
}

function attributesOf(facts: DeviceFacts, [device = '']: VerifiedChain['subjects']): Claims['attributes'] {
  // Such as "CN=GH100 A01 GSP FMC LF": chip, revision, processor, certificate.
  const chip = /(?:^|,)CN=([A-Z0-9_]{1,16}) /.exec(device)?.[1];
  const { vbiosVersion, driverVersion, protectedPcie } = facts;
  return {
    ...(chip === undefined ? {} : { chip }),
    ...(vbiosVersion === undefined ? {} : { vbios_version: vbiosVersion }),
    ...(driverVersion === undefined ? {} : { driver_version: driverVersion }),
    ...(protectedPcie === undefined ? {} : { protected_pcie: protectedPcie }),
  };
}

const CHECKS = [
  'SPDM 1.1 request and measurements response, every field',
  'ECDSA P-384 signature by the device key over request and response',
  'certificates up to the pinned root: signatures, names, validity, CA bits, key usage; not revocation (OCSP)',
  'firmware of the report against the one of the certificate; not against reference measurements (RIM)',
];

/** NVIDIA GPUs and switches in confidential computing mode. Report data are the nonce of the request, 32 bytes. */
export const nvidiaGpu: PlatformVerifier = {
  title: 'NVIDIA GPU',
  verify: verifyNvidia,
  anchors: [NVIDIA_DEVICE_IDENTITY_CA],
  vocabulary: {
    measurements: Object.fromEntries(
      Array.from({ length: INDEX_MAX }, (_, index) => [`MEASUREMENT${index + 1}`, DIGEST_BYTES]),
    ),
    attributes: {
      /** Such as `GH100`, as the device's certificate names it. */
      chip: { type: 'text' },
      vbios_version: { type: 'text' },
      driver_version: { type: 'text' },
      protected_pcie: { type: 'boolean' },
    },
    openAttributes: false,
    levels: [],
    // Which indices hold what differs by chip; the versions single out signed firmware on every one.
    identifiedBy: [['chip', 'vbios_version']],
  },
  reportDataBytes: 32,
  unprotected: 'it is about a GPU, and the memory of the machine around it stays open',
};
