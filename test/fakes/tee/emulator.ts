import { createHash } from 'node:crypto';
import type { EmulatorRoot } from '#infra/emulator/certify.ts';
import { type DocumentContents, type DocumentDefects, mintDocument } from '#infra/emulator/document.ts';
import { type Chain, createRoot, issueChain } from '#infra/emulator/pki.ts';
import { registersOf } from '#infra/emulator/registers.ts';
import type { Surroundings } from '#infra/emulator/surroundings.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';

/** A fixed instant: 2026-11-01T00:00:00Z. */
export const AT_MS = Date.UTC(2026, 10, 1);

/** A fixed clock, and bytes that differ from call to call but not from run to run. */
export function fixedSurroundings(): Surroundings {
  let calls = 0;
  return {
    now: () => AT_MS,
    randomBytes: (count) => {
      calls += 1;
      const digest = createHash('sha512').update(`${calls}`).digest();
      return Uint8Array.from({ length: count }, (_, index) => digest[index % digest.length] ?? 0);
    },
  };
}

/** An emulated device under a root of its own, as a test needs it. */
export interface TestDevice {
  readonly root: EmulatorRoot;
  readonly chain: Chain;
  readonly anchor: Anchor;
  readonly contents: DocumentContents;
  mint(contents?: Partial<DocumentContents>, defects?: DocumentDefects): Promise<Uint8Array>;
}

/** A device with fresh keys; `chain` replaces the one that signs. */
export async function testDevice(): Promise<TestDevice> {
  const surroundings = fixedSurroundings();
  const root = await createRoot(surroundings);
  const moduleId = 'i-0123456789abcdef0-enc0123456789abcdef';
  const chain = await issueChain(root, { moduleId, atMs: AT_MS }, surroundings);
  const contents: DocumentContents = {
    moduleId,
    timestampMs: AT_MS,
    pcrs: registersOf({ bundle: sha384('bundle'), runtime: sha384('runtime'), instanceId: 'i-0123456789abcdef0' }),
    publicKey: null,
    userData: new Uint8Array(64).fill(7),
    nonce: null,
  };
  return {
    root,
    chain,
    anchor: {
      kind: 'certificate',
      name: 'EMULATED test root',
      platform: 'aws-nitro',
      sha256: root.sha256,
      emulated: true,
    },
    contents,
    mint: (changed = {}, defects = {}) => mintDocument(chain, { ...contents, ...changed }, defects),
  };
}

function sha384(text: string): Uint8Array {
  return createHash('sha384').update(text).digest();
}
