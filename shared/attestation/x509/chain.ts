import type { Anchor } from '../anchor.ts';
import { pinOf } from '../anchor.ts';
import { attempt } from '../malformed.ts';
import type { Platform } from '../platforms.ts';
import type { Reason } from '../reasons.ts';
import type { VerificationContext } from '../verification.ts';
import type { AllowedSignature } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { parseCertificate } from './certificate.ts';
import { nameText } from './name.ts';
import { validatePath } from './path.ts';

/** A chain that was verified up to its end, and what is wrong with it. */
export interface VerifiedChain {
  /** The certificate whose key signs; `undefined` when it cannot be read. */
  readonly leaf: Certificate | undefined;
  /** Leaf first; empty when one of them cannot be read. */
  readonly certificates: readonly Certificate[];
  /** Their subjects for people to read, in the same order. */
  readonly subjects: readonly string[];
  /** The pinned root that the chain ends in. */
  readonly anchor: Anchor | undefined;
  /** Every check that failed; empty means that `anchor` vouches for `leaf`. */
  readonly reasons: readonly Reason[];
}

/**
 * Verifies a chain of DER certificates, leaf first, that must end in a root pinned for `platform`: signatures of the
 * `allowed` algorithms, names, validity of all, CA bits, path lengths, key usage (RFC 5280 section 6.1). The root counts
 * by the SHA-256 of its bytes alone. Revocation is left to the caller.
 */
export async function verifyChain(
  ders: readonly Uint8Array[],
  { platform, allowed }: { readonly platform: Platform; readonly allowed: readonly AllowedSignature[] },
  { anchors, atMs, crypto }: VerificationContext,
): Promise<VerifiedChain> {
  const entries = ders.map((der) => attempt(() => readCertificate(der)));
  const read = entries.flatMap((entry) => (entry.kind === 'parsed' ? [entry.value] : []));
  const certificates = read.map(({ certificate }) => certificate);
  const broken = entries.flatMap((entry, index): readonly Reason[] =>
    entry.kind === 'parsed'
      ? []
      : [{ code: 'CHAIN_INVALID', detail: `certificate ${index + 1} of ${ders.length}: ${entry.reason.detail}` }],
  );
  const root = ders.at(-1);
  const { anchor, sha256 } =
    root === undefined ? { anchor: undefined, sha256: 'none' } : pinOf(root, platform, { anchors, crypto });
  const whole = broken.length === 0;
  const path = whole ? await validatePath(certificates.toReversed(), { atMs, allowed, crypto }) : broken;
  const [first] = entries;
  return {
    leaf: first?.kind === 'parsed' ? first.value.certificate : undefined,
    certificates: whole ? certificates : [],
    subjects: whole ? read.map(({ subject }) => subject) : [],
    anchor,
    reasons: anchor === undefined ? [...path, untrusted(sha256)] : path,
  };
}

/** A certificate whose subject is a name, which parsing alone does not ask. */
function readCertificate(der: Uint8Array): { readonly certificate: Certificate; readonly subject: string } {
  const certificate = parseCertificate(der);
  return { certificate, subject: nameText(certificate.subject) };
}

/** The span in which all of `certificates` are valid, first and last second, ms since 1970. */
export function commonValidity(certificates: readonly Certificate[]): readonly [fromMs: number, untilMs: number] {
  return [
    Math.max(...certificates.map(({ notBeforeMs }) => notBeforeMs)),
    Math.min(...certificates.map(({ notAfterMs }) => notAfterMs)),
  ];
}

function untrusted(found: string): Reason {
  return { code: 'CHAIN_UNTRUSTED_ROOT', detail: 'the chain does not end in a trusted root', found };
}
