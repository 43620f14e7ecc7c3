import { type CollateralContents, type CollateralDefects, mintCollateral } from '#infra/emulator/intel/collateral.ts';
import { createIntelPki, type IntelBends, type IntelPki } from '#infra/emulator/intel/pki.ts';
import { type CollateralVerification, verifyCollateral } from '#shared/attestation/dcap/collateral.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { NOW_MS } from './enclave.ts';
import { INTEL_SURROUNDINGS } from './intel.ts';

/** When plain collateral is issued, and when its successor is due. */
export const ISSUED_MS = NOW_MS - 3_600_000;
export const DUE_MS = ISSUED_MS + 30 * 86_400_000;

/** What plain collateral says of itself. */
export const ISSUED = { validMs: [ISSUED_MS, DUE_MS], evaluationNumber: 18 } as const;

/** Collateral to be made and judged; what is left out is as Intel has it, for TDX, judged now. */
export interface CollateralRequest {
  readonly tee?: 'SGX' | 'TDX';
  readonly contents?: Partial<CollateralContents>;
  readonly defects?: CollateralDefects;
  /** Another hierarchy than the one whose root is trusted. */
  readonly pki?: IntelPki;
  readonly atMs?: number;
  readonly crypto?: CryptoPort;
}

/** A hierarchy, and collateral judged by a verifier that trusts its root. */
export interface FakeCollateral {
  readonly pki: IntelPki;
  judged(request?: CollateralRequest): Promise<CollateralVerification>;
  /** Codes of reasons, then of concerns. */
  codes(request?: CollateralRequest): Promise<readonly string[]>;
  verified(bytes: Uint8Array, request?: CollateralRequest): Promise<CollateralVerification>;
  /** Certificates below the same root, bent. */
  bent(bends: IntelBends): Promise<IntelPki>;
}

/** A new hierarchy to judge collateral under. */
export async function fakeCollateral(): Promise<FakeCollateral> {
  const pki = await createIntelPki({ surroundings: INTEL_SURROUNDINGS });
  const { root } = pki;
  const verified: FakeCollateral['verified'] = (bytes, { tee = 'TDX', atMs = NOW_MS, crypto = nodeCrypto } = {}) => {
    const platform = tee === 'SGX' ? 'intel-sgx' : 'intel-tdx';
    const anchor = { kind: 'certificate', name: 'EMULATED', platform, sha256: root.sha256, emulated: true } as const;
    return verifyCollateral(bytes, { tee, anchors: [anchor], platform }, { atMs, crypto });
  };
  const judged: FakeCollateral['judged'] = async (request = {}) => {
    const contents = { tee: request.tee ?? 'TDX', issuedMs: ISSUED_MS, ...request.contents };
    return verified(await mintCollateral(request.pki ?? pki, contents, request.defects), request);
  };
  return {
    pki,
    judged,
    verified,
    codes: async (request) => codesIn(await judged(request)),
    bent: (bends) => createIntelPki({ surroundings: INTEL_SURROUNDINGS, root, bends }),
  };
}

/** Codes of reasons, then of concerns. */
export function codesIn({ reasons, concerns }: CollateralVerification): readonly string[] {
  return [...reasons, ...concerns].map(({ code }) => code);
}
