import { createHash } from 'node:crypto';
import type { EmulatorRoot } from '#infra/emulator/certify.ts';
import { type DocumentDefects, mintDocument } from '#infra/emulator/document.ts';
import { type Chain, createRoot, issueChain } from '#infra/emulator/pki.ts';
import { registersOf } from '#infra/emulator/registers.ts';
import type { Surroundings } from '#infra/emulator/surroundings.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { Join } from '#shared/protocol/handshake.ts';

const MODULE_ID = 'i-0123456789abcdef0-enc0123456789abcdef0';
const SURROUNDINGS: Surroundings = { now: () => Date.now(), randomBytes: nodeCrypto.randomBytes };

/** An emulated device with its own root: a participant's that has to show evidence, or an enclave's in this process. */
export class ParticipantDevice {
  readonly #root: EmulatorRoot;
  readonly #chain: Chain;
  readonly #bundle = createHash('sha384').update('a trainer').digest();

  private constructor(root: EmulatorRoot, chain: Chain) {
    this.#root = root;
    this.#chain = chain;
  }

  static async create(): Promise<ParticipantDevice> {
    const root = await createRoot(SURROUNDINGS);
    return new ParticipantDevice(root, await issueChain(root, { moduleId: MODULE_ID, atMs: Date.now() }, SURROUNDINGS));
  }

  get pcr0(): string {
    return toHex(this.#bundle);
  }

  get rootSha256(): string {
    return this.#root.sha256;
  }

  /** The policy for a manifest that accepts what runs on this device. */
  policy(): Readonly<Record<string, unknown>> {
    return {
      enclaves: [{ name: 'trainer', platform: 'aws-nitro', measurements: { PCR0: this.pcr0 } }],
      roots: [{ name: 'EMULATED device', platform: 'aws-nitro', sha256: this.rootSha256, emulated: true }],
    };
  }

  /** Evidence over 64 bytes of report data, genuine but for `defects`; `bundle` is what runs in place of the trainer. */
  async evidence(
    userData: Uint8Array,
    defects: DocumentDefects = {},
    bundle: Uint8Array = this.#bundle,
  ): Promise<NonNullable<Join['evidence']>> {
    const pcrs = registersOf({ bundle, runtime: new Uint8Array(48), instanceId: 'i-0123456789abcdef0' });
    const contents = { moduleId: MODULE_ID, timestampMs: Date.now(), pcrs, publicKey: null, userData, nonce: null };
    return {
      platform: 'aws-nitro',
      document: await mintDocument(this.#chain, contents, defects),
      endorsements: [],
    };
  }
}
