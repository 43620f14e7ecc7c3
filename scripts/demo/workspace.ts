import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeKeys } from '#client/cli/key-store.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { assert } from '#shared/fault/fault.ts';
import {
  type CoordinatorKeys,
  generateCoordinatorKeys,
  generateParticipantKeys,
  type ParticipantKeys,
} from '#shared/keys/key-file.ts';
import { signStudy } from '#shared/study/signed-study.ts';
import { readStudy } from '#shared/study/study.ts';
import type { StudyParts } from './study.ts';

/** The enclave that runs, as its launcher describes it. */
export interface EnclaveIdentity {
  readonly platform: string;
  /** SHA-384 of the bundle, lower-case hex. */
  readonly pcr0: string;
  /** Accepts this enclave and no other. */
  readonly policy: Readonly<Record<string, unknown>>;
  /** Folder for the host's `--endorsements`, where verification needs some that evidence does not carry. */
  readonly endorsements: string | undefined;
}

/** Everybody's keys in the demo; on a real study each party makes its own with `cloister keygen`. */
export interface DemoKeys {
  readonly coordinator: CoordinatorKeys;
  readonly hospitals: readonly { readonly id: string; readonly name: string; readonly keys: ParticipantKeys }[];
}

/** The folder that a run of the demo leaves behind. */
export class Workspace {
  readonly folder: string;
  /** Sockets lie apart: their names may have 107 bytes at most, and a checkout may lie deeper than that. */
  #sockets: string | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Where one of the demo's unix sockets is. Only between `prepare` and `tidy`. */
  socket(name: string): string {
    assert(this.#sockets !== undefined, 'sockets have a place while the demo runs');
    return join(this.#sockets, name);
  }

  /** Removes what is of no use after the run. */
  async tidy(): Promise<void> {
    if (this.#sockets !== undefined) await rm(this.#sockets, { recursive: true, force: true });
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  async prepare(): Promise<void> {
    // mkdtemp makes the folder 0700.
    this.#sockets = await mkdtemp(join(tmpdir(), 'cloister-'));
    for (const name of ['keys', 'studies', 'results', 'logs'])
      await mkdir(this.path(name), { recursive: true, mode: 0o700 });
  }

  /** Makes the coordinator's and the hospitals' keys, each in a file of its own. */
  async makeKeys(hospitals: readonly { readonly id: string; readonly name: string }[]): Promise<DemoKeys> {
    const coordinator = generateCoordinatorKeys(nodeCrypto);
    await writeKeys(this.keyFile('coordinator'), coordinator);
    const made = hospitals.map(({ id, name }) => ({ id, name, keys: generateParticipantKeys(nodeCrypto) }));
    for (const { id, keys } of made) await writeKeys(this.keyFile(id), keys);
    return { coordinator, hospitals: made };
  }

  keyFile(who: string): string {
    return this.path('keys', `${who}.key`);
  }

  /** The signed manifest of a study. */
  manifestFile(study: string): string {
    return this.path('studies', `${study}.dsse.json`);
  }

  /** The policy that each hospital holds beside the manifest's. */
  get policyFile(): string {
    return this.path('studies', 'hospital-policy.yaml');
  }

  /** Writes a study's manifest as YAML, and signed. Gives its digest, lower-case hex. */
  async writeStudy(parts: StudyParts, keys: DemoKeys, enclave: EnclaveIdentity): Promise<string> {
    const text = stringify(manifestOf(parts, keys, enclave), { lineWidth: 0, aliasDuplicateObjects: false });
    const study = readStudy(utf8(text), nodeCrypto);
    await writeFile(this.path('studies', `${parts.study}.yaml`), text);
    await writeFile(this.manifestFile(parts.study), signStudy(study, keys.coordinator.signing.secretKey, nodeCrypto));
    return Buffer.from(study.digest).toString('hex');
  }

  async writePolicy(enclave: EnclaveIdentity): Promise<void> {
    await writeFile(this.policyFile, stringify(enclave.policy, { lineWidth: 0, aliasDuplicateObjects: false }));
  }
}

function manifestOf(parts: StudyParts, keys: DemoKeys, enclave: EnclaveIdentity): object {
  const { study, title, model, training, rounds, aggregation } = parts;
  return {
    cloister: 1,
    study,
    title,
    coordinator: { name: 'Demo research team', key: toBase64(keys.coordinator.signing.publicKey) },
    model,
    ...(training === undefined ? {} : { training }),
    participants: keys.hospitals.map(({ id, name, keys: { identity, release } }) => ({
      id,
      name,
      identityKey: toBase64(identity.publicKey),
      releaseKey: toBase64(release.publicKey),
    })),
    ...enclave.policy,
    rounds,
    aggregation,
    privacy: { kind: 'none', acknowledgedBy: 'the demo: its data are public' },
    release: { recipients: 'participants' },
  };
}
