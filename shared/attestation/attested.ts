import { equalBytes, toHex } from '../bytes/bytes.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { verifyInclusion } from '../log/merkle.ts';
import { anchorsFor } from './anchors.ts';
import { appraise, NO_POLICY } from './appraise.ts';
import type { EnclaveBinding } from './binding.ts';
import { BINDING_BYTES, boundReportData, reportDataFor } from './binding.ts';
import type { Claims } from './claims.ts';
import type { Evidence } from './evidence.ts';
import type { AppraisalPolicy } from './policy.ts';
import type { Reason } from './reasons.ts';
import { verifyEvidence } from './verify.ts';

/** What an enclave states of itself, with the evidence for it. Nothing in it is trusted yet. */
export interface EnclaveStatement extends EnclaveBinding {
  readonly evidence: Evidence;
  /** Place of our nonce among those that the evidence answers, and the path from it to `nonceRoot`. */
  readonly nonceIndex: number;
  readonly nonceCount: number;
  readonly noncePath: readonly Uint8Array[];
}

/** Our own nonce, or the written reason why there is none (a release that is verified years later). */
export type ExpectedNonce = Uint8Array | { readonly kind: 'any'; readonly because: string };

/** What we hold against the statement. */
export interface ExpectedBinding {
  /** SHA-256 of the manifest that we have read and agreed to, 32 bytes. */
  readonly manifestDigest: Uint8Array;
  readonly nonce: ExpectedNonce;
}

/** How to judge: every policy must hold; time and cryptography are passed in. */
export interface AttestationRules {
  readonly policies: readonly AppraisalPolicy[];
  readonly atMs: number;
  readonly crypto: CryptoPort;
}

declare const attested: unique symbol;

/**
 * An aggregator whose keys are proved to exist only inside accepted code that serves our manifest. Updates can be
 * sealed to this type alone; {@link attestAggregator} is its only producer.
 */
export interface AttestedAggregator {
  readonly [attested]: true;
  readonly kemKey: Uint8Array;
  readonly signingKey: Uint8Array;
  readonly manifestDigest: Uint8Array;
  readonly claims: Claims;
  /** True when the proof rests on a root that is no vendor's: every screen and file must then say EMULATED. */
  readonly emulated: boolean;
  /** `undefined` when the evidence answers our own nonce, else the reason why it need not. */
  readonly anyNonceBecause: string | undefined;
}

/** The answer of {@link attestAggregator}. Claims of a refusal prove nothing and serve explanation. */
export type AttestationResult =
  | { readonly kind: 'attested'; readonly aggregator: AttestedAggregator }
  | { readonly kind: 'refused'; readonly reasons: readonly Reason[]; readonly claims?: Claims };

/**
 * The trust decision: verifies the evidence, recomputes what it must be bound to, looks for our nonce, and appraises
 * the claims by every policy. Lists all that failed. Never throws for what a peer sent.
 */
export async function attestAggregator(
  statement: EnclaveStatement,
  expected: ExpectedBinding,
  rules: AttestationRules,
): Promise<AttestationResult> {
  const { atMs, crypto, policies } = rules;
  const misfit = [...sizeReasons(statement), ...(policies.length === 0 ? [NO_POLICY] : [])];
  if (misfit.length > 0) return { kind: 'refused', reasons: misfit };
  // Copies: what was checked is what is handed on, whatever becomes of the buffers that the statement came in.
  const own = ownCopy(statement);
  const verification = await verifyEvidence(own.evidence, { anchors: anchorsFor(policies), atMs, crypto });
  const { claims } = verification;
  const reasons = [
    ...(verification.kind === 'refused' ? verification.reasons : []),
    ...manifestReasons(own, expected),
    ...nonceReasons(own, expected.nonce, crypto),
    ...(claims === undefined ? [] : [...bindingReasons(own, claims, crypto), ...appraise(claims, policies, atMs)]),
  ];
  if (claims === undefined) return { kind: 'refused', reasons };
  if (reasons.length > 0) return { kind: 'refused', reasons, claims };
  return { kind: 'attested', aggregator: brand(own, expected.nonce, claims) };
}

function brand(own: EnclaveStatement, nonce: ExpectedNonce, claims: Claims): AttestedAggregator {
  const { kemKey, signingKey, manifestDigest } = own;
  const anyNonceBecause = nonce instanceof Uint8Array ? undefined : nonce.because;
  const { emulated } = claims.root;
  return { kemKey, signingKey, manifestDigest, claims, emulated, anyNonceBecause } as AttestedAggregator;
}

function ownCopy(statement: EnclaveStatement): EnclaveStatement {
  const { platform, document, endorsements } = statement.evidence;
  return {
    evidence: {
      platform,
      document: copy(document),
      endorsements: endorsements.map(({ kind, bytes }) => ({ kind, bytes: copy(bytes) })),
    },
    kemKey: copy(statement.kemKey),
    signingKey: copy(statement.signingKey),
    manifestDigest: copy(statement.manifestDigest),
    nonceRoot: copy(statement.nonceRoot),
    nonceIndex: statement.nonceIndex,
    nonceCount: statement.nonceCount,
    noncePath: statement.noncePath.map(copy),
  };
}

/** Also of a Buffer, whose own `slice` would give a view. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function sizeReasons(statement: EnclaveStatement): readonly Reason[] {
  const names = ['kemKey', 'signingKey', 'manifestDigest', 'nonceRoot'] as const;
  return names.flatMap((name): readonly Reason[] => {
    const { length } = statement[name];
    if (length === BINDING_BYTES[name]) return [];
    return [
      {
        code: 'MALFORMED',
        detail: `${name} of the wrong length`,
        found: `${length}`,
        wanted: `${BINDING_BYTES[name]}`,
      },
    ];
  });
}

function manifestReasons(own: EnclaveStatement, expected: ExpectedBinding): readonly Reason[] {
  if (equalBytes(own.manifestDigest, expected.manifestDigest)) return [];
  const found = toHex(own.manifestDigest);
  return [
    {
      code: 'MANIFEST_MISMATCH',
      detail: 'the enclave serves another manifest',
      found,
      wanted: toHex(expected.manifestDigest),
    },
  ];
}

function nonceReasons(own: EnclaveStatement, nonce: ExpectedNonce, crypto: CryptoPort): readonly Reason[] {
  if (!(nonce instanceof Uint8Array)) return [];
  const proof = { index: own.nonceIndex, size: own.nonceCount, path: own.noncePath };
  if (verifyInclusion(nonce, proof, own.nonceRoot, crypto)) return [];
  return [{ code: 'NONCE_MISMATCH', detail: 'our nonce is not among those that the evidence answers' }];
}

function bindingReasons(own: EnclaveStatement, claims: Claims, crypto: CryptoPort): readonly Reason[] {
  const wanted = boundReportData(own.evidence.platform, reportDataFor(own, crypto), crypto);
  if (equalBytes(claims.reportData, wanted)) return [];
  const detail = 'the evidence is bound to other keys, another manifest or other nonces';
  return [{ code: 'BINDING_MISMATCH', detail, found: toHex(claims.reportData), wanted: toHex(wanted) }];
}
