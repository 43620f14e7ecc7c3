import { mintSpaceToken, type SpaceContents, type SpaceDefects } from '#infra/emulator/tokens/confidential-space.ts';
import {
  createGooglePki,
  type GoogleChain,
  type GoogleChainOptions,
  type GooglePki,
  issueGoogleChain,
} from '#infra/emulator/tokens/google-pki.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { NOW_MS, verifyDocument } from './service.ts';

export const PLATFORM = 'gcp-confidential-space';
export const DIGEST: Uint8Array = new Uint8Array(32).fill(7);
export const REPORT_DATA = 'ab'.repeat(32);
const surroundings = { now: () => NOW_MS, randomBytes: (count: number) => new Uint8Array(count).fill(0x51) };

/** Everything that a test may bend. */
export interface BentSpace {
  readonly contents?: Partial<SpaceContents>;
  readonly defects?: SpaceDefects;
  readonly chain?: GoogleChain;
  readonly atMs?: number;
  readonly endorsements?: readonly Endorsement[];
  readonly anchors?: readonly Anchor[];
}

/** An emulated Confidential Space whose root is pinned. */
export interface Space {
  readonly pki: GooglePki;
  readonly chain: GoogleChain;
  readonly anchor: Anchor;
  /** A chain under the same root, bent. */
  readonly issue: (options: Partial<GoogleChainOptions>) => Promise<GoogleChain>;
  readonly verify: (bent?: BentSpace) => Promise<Verification>;
}

/** Makes three RSA keys. */
export async function newSpace(): Promise<Space> {
  const pki = await createGooglePki(surroundings);
  const issue: Space['issue'] = (options) => issueGoogleChain(pki, { atMs: NOW_MS, ...options }, surroundings);
  const chain = await issue({});
  const anchor = {
    kind: 'certificate',
    name: 'emulator',
    platform: PLATFORM,
    sha256: pki.sha256,
    emulated: true,
  } as const;
  return {
    pki,
    chain,
    anchor,
    issue,
    verify: (bent = {}) => {
      const document = mintSpaceToken(bent.chain ?? chain, contents(bent.contents), bent.defects);
      return verifyDocument(PLATFORM, document, { anchors: [anchor], ...bent });
    },
  };
}

/** What a production image says of itself. */
export function contents(more: Partial<SpaceContents> = {}): SpaceContents {
  return { imageDigest: DIGEST, audience: 'cloister', nonces: [REPORT_DATA], issuedAtMs: NOW_MS, ...more };
}
