import type { Anchor } from '#shared/attestation/anchor.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { splitCertificates } from '#shared/attestation/dcap/certificates.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { isPlatform, PLATFORMS } from '#shared/attestation/platforms.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { VectorCase, VectorConditions, VectorRequest } from './vector-platform.ts';

/**
 * A case under the root that its conditions name. They do so in words, such as `root.pem of this sample`: a root that is
 * a file of the sample takes the place of all vendors' roots; any other words mean the vendors'.
 */
export function underStatedRoot(tested: VectorCase, { files, conditions, crypto }: VectorRequest): VectorCase {
  const [name = ''] = conditions.trust_anchor?.split(' ') ?? [];
  const bytes = files.get(name);
  if (bytes === undefined) return tested;
  const ders = attempt(() => splitCertificates(bytes));
  const stated = (ders.kind === 'parsed' ? ders.value : []).map((der) => toHex(crypto.digest('sha256', der)));
  // Evidence of one platform may rest on the root of another: the report of Azure on that of AMD.
  const anchors = PLATFORMS.filter(isPlatform).flatMap((platform) =>
    stated.map((sha256): Anchor => ({ kind: 'certificate', name, platform, sha256, emulated: true })),
  );
  const untrusted = [...(tested.untrusted ?? []), ...VENDOR_ANCHORS.map(({ sha256 }) => sha256)];
  return { ...tested, anchors: [...tested.anchors, ...anchors], untrusted };
}

/** The root and key that all verdicts of a sample name, for what has no verdict: another time, a mutation. */
export function commonTrust(verdicts: readonly VectorConditions[]): VectorConditions {
  const [first] = verdicts;
  if (first === undefined) return {};
  const isSame = verdicts.every(
    ({ trust_anchor, trust }) => trust_anchor === first.trust_anchor && trust === first.trust,
  );
  return isSame ? statedTrust(first) : {};
}

/** The root and key among conditions. */
export function statedTrust({ trust_anchor, trust }: VectorConditions): VectorConditions {
  return { ...(trust_anchor === undefined ? {} : { trust_anchor }), ...(trust === undefined ? {} : { trust }) };
}
