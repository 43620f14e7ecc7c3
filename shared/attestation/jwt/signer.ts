import type { Anchor } from '../anchor.ts';
import type { Evidence } from '../evidence.ts';
import { memberOf } from '../json.ts';
import { attempt } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { VerificationContext } from '../verification.ts';
import { commonValidity, verifyChain } from '../x509/chain.ts';
import type { Jws, JwsAlgorithm } from './jws.ts';
import { JWS_ALGORITHMS } from './jws.ts';
import { pinnedKeys } from './keys.ts';
import type { TokenProfile } from './token.ts';
import { completeChain, isKeyFor, readX5c } from './x5c.ts';

/** Who may have signed a token, and why that is trusted. */
export interface Signer {
  /** Keys to try, DER SubjectPublicKeyInfo, each with its own anchor where keys are pinned one by one. */
  readonly keys: readonly { readonly spki: Uint8Array; readonly anchor?: Anchor }[];
  /** The pinned root of a chain, or the first pinned key. */
  readonly anchor: Anchor | undefined;
  readonly reasons: readonly Reason[];
  /** The span in which the certificates are valid, first and last second, ms since 1970; unbounded for pinned keys. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
  /** What was checked, in words. */
  readonly check: string;
  readonly details: Readonly<Record<string, string>>;
}

/** Everything that a signer is looked for in. */
export interface Surroundings {
  readonly profile: TokenProfile;
  readonly evidence: Evidence;
  readonly context: VerificationContext;
}

/** So many fingerprints are named. */
const SHOWN_KEYS = 3;

const NOBODY: Signer = {
  keys: [],
  anchor: undefined,
  reasons: [],
  validFromMs: 0,
  validUntilMs: Number.MAX_SAFE_INTEGER,
  check: 'the signing key is pinned',
  details: {},
};

/**
 * The keys that may have signed `token`: the leaf of the chain in its header where the profile takes chains and there is
 * one, else the pinned keys of the set that came with it. `jwk`, `jku` and `x5u` of the header are never looked at.
 */
export async function findSigner(
  token: Jws,
  algorithm: JwsAlgorithm | undefined,
  surroundings: Surroundings,
): Promise<Signer> {
  const x5c = surroundings.profile.chains === 'x5c' ? memberOf(token.header, 'x5c') : undefined;
  if (x5c !== undefined) return signerOfChain(x5c, algorithm, surroundings);
  // Which keys suit depends on the algorithm.
  return algorithm === undefined ? NOBODY : signerOfSet(token, algorithm, surroundings);
}

async function signerOfChain(
  x5c: unknown,
  algorithm: JwsAlgorithm | undefined,
  { profile, evidence, context }: Surroundings,
): Promise<Signer> {
  const parsed = attempt(() => readX5c(x5c));
  if (parsed.kind === 'refused') return { ...NOBODY, reasons: [parsed.reason] };
  const ders = completeChain(parsed.value, evidence, context);
  const rules = { platform: profile.platform, allowed: ['rsa-pkcs1-sha256'] } as const;
  const { leaf, certificates, subjects, anchor, reasons } = await verifyChain(ders, rules, context);
  const [validFromMs, validUntilMs] = commonValidity(certificates);
  const fits = algorithm !== undefined && leaf !== undefined && isKeyFor(JWS_ALGORITHMS[algorithm].key, leaf.key);
  return {
    keys: fits ? [{ spki: leaf.key.spki }] : [],
    anchor: certificates.length === 0 ? undefined : anchor,
    reasons: fits || leaf === undefined || algorithm === undefined ? reasons : [...reasons, keyKind(leaf.key.kind)],
    validFromMs,
    validUntilMs,
    check: 'certificates up to the pinned root: signatures, names, validity, CA bits, path lengths; not revocation',
    details: { chain: subjects.join(' < ') },
  };
}

function signerOfSet(token: Jws, algorithm: JwsAlgorithm, { evidence, context }: Surroundings): Signer {
  const parsed = attempt(() => pinnedKeys(token, algorithm, evidence, context));
  if (parsed.kind === 'refused') return { ...NOBODY, reasons: [parsed.reason] };
  const { pinned, offered } = parsed.value;
  const [first] = pinned;
  if (first !== undefined) return { ...NOBODY, keys: pinned, anchor: first.anchor };
  const detail = 'no key with the key id of the token, made for its algorithm, is both at hand and pinned';
  const found = offered.length === 0 ? 'no such key' : offered.slice(0, SHOWN_KEYS).join(' ');
  return { ...NOBODY, reasons: [{ code: 'KEY_UNKNOWN', detail, found, wanted: 'a key that the policy names' }] };
}

function keyKind(found: string): Reason {
  return {
    code: 'ALG_NOT_ALLOWED',
    detail: 'the certificate holds a key of another kind or length than the algorithm takes',
    found,
  };
}
