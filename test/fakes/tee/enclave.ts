import { createHash } from 'node:crypto';
import type { EmulatorRoot } from '#infra/emulator/certify.ts';
import { type DocumentContents, type DocumentDefects, mintDocument } from '#infra/emulator/document.ts';
import { type Chain, createRoot, issueChain } from '#infra/emulator/pki.ts';
import { registersOf } from '#infra/emulator/registers.ts';
import type { EnclaveStatement } from '#shared/attestation/attested.ts';
import { reportDataFor } from '#shared/attestation/binding.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { inclusionPath, treeRoot } from '#shared/log/merkle.ts';

/** The instant around which everything here is made. */
export const NOW_MS = Date.parse('2026-11-20T12:00:00Z');

const MODULE_ID = 'i-0123456789abcdef0-enc0123456789abcdef0';

/** An emulated machine with one enclave on it. */
export interface FakePlatform {
  readonly root: EmulatorRoot;
  readonly chain: Chain;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** When its documents say that they were made, ms since 1970. */
  readonly atMs: number;
}

/** A root, a chain and measured registers, as the emulator makes them at `atMs`. */
export async function fakePlatform(atMs = NOW_MS): Promise<FakePlatform> {
  const surroundings = { now: () => atMs, randomBytes: (count: number) => nodeCrypto.randomBytes(count) };
  const root = await createRoot(surroundings);
  const chain = await issueChain(root, { moduleId: MODULE_ID, atMs }, surroundings);
  const [bundle, runtime] = ['bundle', 'runtime'].map((text) => createHash('sha384').update(text).digest());
  if (bundle === undefined || runtime === undefined) throw new Error('two texts give two digests');
  return { root, chain, pcrs: registersOf({ bundle, runtime, instanceId: 'i-0123456789abcdef0' }), atMs };
}

/** Contents of a plain document of the platform. */
export function contentsOf(platform: FakePlatform, userData: Uint8Array | null = null): DocumentContents {
  return {
    moduleId: MODULE_ID,
    timestampMs: platform.atMs,
    pcrs: platform.pcrs,
    publicKey: null,
    userData,
    nonce: null,
  };
}

/** The policy that accepts the platform's code and root. */
export function policyFor(platform: FakePlatform): AppraisalPolicy {
  const pcr0 = platform.pcrs.get(0);
  if (pcr0 === undefined) throw new Error('the platform measures nothing');
  return {
    enclaves: [{ name: 'aggregator', platform: 'aws-nitro', measurements: { PCR0: toHex(pcr0) } }],
    roots: [{ name: 'emulator', platform: 'aws-nitro', sha256: platform.root.sha256, emulated: true }],
  };
}

/** Nonces that wait for one document; ours is the second of three. */
export const NONCES: readonly Uint8Array[] = [1, 2, 3].map((value) => new Uint8Array(32).fill(value));
export const OUR_NONCE = new Uint8Array(32).fill(2);
export const MANIFEST_DIGEST = new Uint8Array(32).fill(7);

/** How a test bends a statement. */
export interface StatementBend {
  readonly contents?: Partial<DocumentContents>;
  readonly defects?: DocumentDefects;
  /** Fields replaced after the evidence was made. */
  readonly after?: Partial<EnclaveStatement>;
}

/** What the enclave sends to a participant: genuine, unless bent. */
export async function statementOf(platform: FakePlatform, bend: StatementBend = {}): Promise<EnclaveStatement> {
  const binding = {
    kemKey: new Uint8Array(1216).fill(5),
    signingKey: new Uint8Array(32).fill(6),
    manifestDigest: MANIFEST_DIGEST,
    nonceRoot: treeRoot(NONCES, nodeCrypto),
  };
  const contents = { ...contentsOf(platform, reportDataFor(binding, nodeCrypto)), ...bend.contents };
  const document = await mintDocument(platform.chain, contents, bend.defects);
  return {
    ...binding,
    evidence: { platform: 'aws-nitro', document, endorsements: [] },
    nonceIndex: 1,
    nonceCount: NONCES.length,
    noncePath: inclusionPath(NONCES, 1, nodeCrypto),
    ...bend.after,
  };
}
