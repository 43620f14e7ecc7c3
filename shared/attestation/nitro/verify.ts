import { toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import { pinOf } from '../anchor.ts';
import type { Claims } from '../claims.ts';
import type { Sign1 } from '../cose/sign1.ts';
import { ES384, parseSign1, signedBytes } from '../cose/sign1.ts';
import type { Parsed } from '../malformed.ts';
import { attempt } from '../malformed.ts';
import type { PlatformVerifier } from '../platform.ts';
import type { Reason } from '../reasons.ts';
import type { EvidenceVerifier, VerificationContext } from '../verification.ts';
import { refusedFor } from '../verification.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { commonValidity } from '../x509/chain.ts';
import { nameText } from '../x509/name.ts';
import type { PathRules } from '../x509/path.ts';
import { unpinnedRootReasons, validatePath } from '../x509/path.ts';
import { AWS_NITRO_ROOT } from './anchors.ts';
import type { NitroDocument } from './document.ts';
import { NITRO_LIMITS, parseNitroDocument } from './document.ts';

/** Payload limit of the specification, and room for the COSE envelope around it. */
const MAX_DOCUMENT_BYTES = 16 * 1024 + 256;

/** ECDSA P-384 signature, R and S (RFC 9053 section 2.1). */
const SIGNATURE_BYTES = 96;

/**
 * Verifies an AWS Nitro attestation document: COSE_Sign1 with ES384 by the leaf's P-384 key, the chain from a pinned
 * root, every certificate valid at the stated time. The bytes of a document are not its identity (a second signature
 * S' = n - S verifies too): `details.contentSha256` is.
 */
const verifyNitro: EvidenceVerifier = async (evidence, context) => {
  const { document: bytes, endorsements } = evidence;
  if (bytes.length > MAX_DOCUMENT_BYTES) {
    return refusedFor({
      code: 'MALFORMED',
      detail: `Nitro document of ${bytes.length} bytes; at most ${MAX_DOCUMENT_BYTES}`,
    });
  }
  if (endorsements.length > 0) {
    return refusedFor({ code: 'MALFORMED', detail: 'endorsements next to a Nitro document, which holds its own' });
  }
  const envelope = attempt(() => parseSign1(bytes));
  if (envelope.kind === 'refused') return refusedFor(envelope.reason);
  const body = attempt(() => parseNitroDocument(envelope.value.payload));
  if (body.kind === 'refused') return refusedFor(...algorithmReasons(envelope.value), body.reason);
  return verifyParsed(envelope.value, body.value, context);
};

const verifyParsed = async (message: Sign1, document: NitroDocument, context: VerificationContext) => {
  const chain = [...document.cabundle, document.certificate].map((der) => attempt(() => readCertificate(der)));
  const { anchor, sha256 } = pinOf(document.cabundle[0], 'aws-nitro', context);
  const reasons = [
    ...registerReasons(document),
    ...algorithmReasons(message),
    ...(await signatureReasons(message, chain.at(-1), context)),
    ...(await chainReasons(chain, anchor, context)),
  ];
  if (anchor === undefined) {
    reasons.push({ code: 'CHAIN_UNTRUSTED_ROOT', detail: 'the root certificate is not a trusted one', found: sha256 });
  }
  const certificates = chain.flatMap((entry) => (entry.kind === 'parsed' ? [entry.value] : []));
  if (anchor === undefined || certificates.length < chain.length) return refusedFor(...reasons);
  const claims = claimsOf({ message, document, certificates, anchor }, context);
  return reasons.length === 0 ? { kind: 'verified' as const, claims } : { kind: 'refused' as const, reasons, claims };
};

type NamedCertificate = Certificate & { readonly subjectText: string };

function readCertificate(der: Uint8Array): NamedCertificate {
  const certificate = parseCertificate(der);
  return { ...certificate, subjectText: nameText(certificate.subject) };
}

/** PCR0 measures the whole image and is always locked: without it a document says nothing about the code. */
function registerReasons({ pcrs }: NitroDocument): readonly Reason[] {
  return pcrs.has(0) ? [] : [{ code: 'MALFORMED', detail: 'Nitro pcrs lacks PCR0' }];
}

function algorithmReasons(message: Sign1): readonly Reason[] {
  if (message.algorithm === ES384) return [];
  const found = `COSE algorithm ${message.algorithm}`;
  return [
    {
      code: 'ALG_NOT_ALLOWED',
      detail: 'the document is not signed with ES384',
      found,
      wanted: `COSE algorithm ${ES384}`,
    },
  ];
}

async function signatureReasons(
  message: Sign1,
  leaf: Parsed<Certificate> | undefined,
  context: VerificationContext,
): Promise<readonly Reason[]> {
  // A leaf that cannot be read is reported with the chain; a foreign algorithm is not tried.
  if (leaf?.kind !== 'parsed' || message.algorithm !== ES384) return [];
  if (leaf.value.key.kind !== 'p384')
    return [{ code: 'ALG_NOT_ALLOWED', detail: 'the document key is not on curve P-384' }];
  const { signature } = message;
  if (signature.length !== SIGNATURE_BYTES) {
    return [
      {
        code: 'SIGNATURE_INVALID',
        detail: 'signature of the wrong length',
        found: `${signature.length}`,
        wanted: `${SIGNATURE_BYTES}`,
      },
    ];
  }
  const scheme = { kind: 'ecdsa', hash: 'sha384', encoding: 'raw' } as const;
  const held = await context.crypto.verifyCertificateSignature(
    scheme,
    leaf.value.key.spki,
    signature,
    signedBytes(message),
  );
  return held
    ? []
    : [{ code: 'SIGNATURE_INVALID', detail: 'the document is not signed by the key of its certificate' }];
}

async function chainReasons(
  chain: readonly Parsed<Certificate>[],
  anchor: Anchor | undefined,
  context: VerificationContext,
): Promise<readonly Reason[]> {
  const broken: Reason[] = [];
  const certificates: Certificate[] = [];
  for (const [index, entry] of chain.entries()) {
    if (entry.kind === 'parsed') certificates.push(entry.value);
    else
      broken.push({
        code: 'CHAIN_INVALID',
        detail: `certificate ${index + 1} of ${chain.length}: ${entry.reason.detail}`,
      });
  }
  if (broken.length > 0) return broken;
  const rules: PathRules = { atMs: context.atMs, allowed: ['ecdsa-sha384'], crypto: context.crypto };
  const reasons = await validatePath(certificates, rules);
  const [root] = certificates;
  if (anchor !== undefined || root === undefined) return reasons;
  return [...reasons, ...(await unpinnedRootReasons(root, rules))];
}

interface Verified {
  readonly message: Sign1;
  readonly document: NitroDocument;
  readonly certificates: readonly NamedCertificate[];
  readonly anchor: Anchor;
}

function claimsOf({ message, document, certificates, anchor }: Verified, context: VerificationContext): Claims {
  const { crypto } = context;
  const measurements = Object.fromEntries([...document.pcrs].map(([index, value]) => [`PCR${index}`, toHex(value)]));
  const [validFromMs, validUntilMs] = commonValidity(certificates);
  return {
    platform: 'aws-nitro',
    measurements,
    // In debug mode the device leaves PCR0 to PCR2 at zero. PCR0 covers the whole image: zero there is enough.
    debug: ![...document.pcrs].some(([index, value]) => index === 0 && value.some((byte) => byte !== 0)),
    reportData: document.userData,
    nonce: document.nonce,
    issuedAtMs: document.timestampMs,
    validFromMs,
    validUntilMs,
    root: { name: anchor.name, platform: 'aws-nitro', sha256: anchor.sha256, emulated: anchor.emulated },
    attributes: {},
    levels: {},
    tcb: undefined,
    concerns: [],
    checks: CHECKS,
    details: {
      moduleId: document.moduleId,
      publicKey: toHex(document.publicKey),
      leafSha256: toHex(crypto.digest('sha256', document.certificate)),
      contentSha256: toHex(crypto.digest('sha256', signedBytes(message))),
      chain: certificates.map(({ subjectText }) => subjectText).join(' > '),
    },
  };
}

const CHECKS = [
  'COSE_Sign1 envelope and every field of the document by the NSM specification',
  'ES384 signature by the certificate of the document',
  'certificates up to the pinned root: signatures, names, validity, CA bits, path lengths, key usage',
];

/** AWS Nitro Enclaves. */
export const awsNitro: PlatformVerifier = {
  title: 'AWS Nitro Enclaves',
  verify: verifyNitro,
  anchors: [AWS_NITRO_ROOT],
  vocabulary: {
    measurements: Object.fromEntries(
      Array.from({ length: NITRO_LIMITS.pcrIndex + 1 }, (_, index) => [`PCR${index}`, NITRO_LIMITS.pcrBytes]),
    ),
    attributes: {},
    openAttributes: false,
    levels: [],
    identifiedBy: [['PCR0']],
  },
  reportDataBytes: 64,
};
