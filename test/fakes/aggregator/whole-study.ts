import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { appraiseServed, attestHost } from '#client/coordinator/attest-host.ts';
import { HostApi } from '#client/coordinator/host-api.ts';
import { buildOrder } from '#client/coordinator/order.ts';
import { decodeServedEvidence } from '#client/evidence/evidence-file.ts';
import {
  memoryReleaseStore,
  nodePorts,
  type ParticipantAttester,
  participate,
  systemClock,
} from '#client/sdk/index.ts';
import type { Trainer } from '#client/trainer/trainer.ts';
import { type RunningHost, startHost } from '#host/host.ts';
import { readHostOptions } from '#host/options.ts';
import { type EmulatedEnclave, launchEmulated } from '#infra/emulator/launch.ts';
import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { attestReleaseBy } from '#shared/release/attest-release.ts';
import { verifyReleaseChain } from '#shared/release/verify-release.ts';
import { SILENT } from '#test/fakes/host/redis.ts';
import { builtBundle } from './enclave.ts';
import { makeStudy, type TestStudy, type TestStudyOptions } from './study.ts';

/** What a participant of a whole study adds to every weight in each round, and what it shows to be let in. */
export interface Sharer {
  readonly value: number;
  readonly attester?: ParticipantAttester;
}

/** The real enclave bundle on an emulated device, with a real host before it. */
export class WholeAggregator {
  readonly enclave: EmulatedEnclave;
  readonly #folder: string;
  #host: RunningHost | undefined;

  private constructor(enclave: EmulatedEnclave, folder: string) {
    this.enclave = enclave;
    this.#folder = folder;
  }

  static async launch(platform: string): Promise<WholeAggregator> {
    const folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    const stdout = new PassThrough();
    const enclave = await launchEmulated({
      bundlePath: await builtBundle(),
      folder: join(folder, 'emulator'),
      platform,
      args: ({ flags }) => ['--listen', join(folder, 'enclave'), '--boundary', join(folder, 'boundary'), ...flags],
      stdio: { stdout, stderr: process.stderr },
    });
    const ended = enclave.process.exited.then(({ code }) => {
      throw new Error(`the enclave ended with code ${code}`);
    });
    await Promise.race([once(stdout, 'data'), ended]);
    ended.catch(() => undefined);
    return new WholeAggregator(enclave, folder);
  }

  /** Starts the host with one study under the policy that names this very enclave. */
  async serve(options: Omit<TestStudyOptions, 'pcr0' | 'rootSha256'> = {}): Promise<WholeStudy> {
    const { pcr0, rootSha256, policy, endorsementsFolder } = this.enclave;
    const study = makeStudy({ pcr0, rootSha256, policy, ...options });
    const file = join(this.#folder, 'study.json');
    await writeFile(file, study.envelope);
    const at = (name: string): string => join(this.#folder, name);
    const flags = ['--listen', '127.0.0.1:0', '--study', file, '--data', at('host')];
    flags.push('--enclave-socket', at('enclave'), '--boundary-socket', at('boundary'));
    if (endorsementsFolder !== undefined) flags.push('--endorsements', endorsementsFolder);
    const hostOptions = readHostOptions(flags, {});
    if (hostOptions === undefined) throw new Error('help was not asked for');
    const host = await startHost(hostOptions, SILENT, '');
    this.#host = host;
    return new WholeStudy(study, new URL(`http://127.0.0.1:${host.port}`));
  }

  async stop(): Promise<void> {
    await this.#host?.close();
    await this.enclave.process.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** One study, served by a host: everybody in it uses the code of the product. */
export class WholeStudy {
  readonly study: TestStudy;
  readonly #origin: URL;
  readonly #host: HostApi;

  constructor(study: TestStudy, origin: URL) {
    this.study = study;
    this.#origin = origin;
    this.#host = new HostApi(origin, new AbortController().signal);
  }

  /** The coordinator attests the enclave through the host, and starts the rounds. */
  async start(): Promise<AttestedAggregator> {
    const { study, coordinator } = this.study;
    const served = decodeServedEvidence(await this.#evidence());
    const attested = await attestHost(served, { study, policies: [], atMs: Date.now(), crypto: nodeCrypto });
    const coordinatorSecretKey = coordinator.secretKey;
    const order = buildOrder('start', { attested, coordinatorSecretKey, crypto: nodeCrypto, clock: systemClock });
    await this.#host.postCommand(order);
    return attested;
  }

  /** Why the enclave's evidence is refused by a policy of somebody's own, beside the manifest's; empty when it passes. */
  async reasonsUnder(policy: AppraisalPolicy): Promise<readonly string[]> {
    const { study } = this.study;
    const served = decodeServedEvidence(await this.#evidence());
    const rules = { study, policies: [policy], atMs: Date.now(), crypto: nodeCrypto };
    const result = await appraiseServed(served, rules);
    return result.kind === 'attested' ? [] : result.reasons.map(({ code }) => code);
  }

  /** The host has none before the enclave has accepted the study. Each question is a round trip, so nothing spins. */
  async #evidence(): Promise<Uint8Array> {
    for (;;) {
      try {
        return await this.#host.evidence(this.study.study.digest);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
      }
    }
  }

  /** Participant `index` from its first connection to the end of the study; gives the weights that it is left with. */
  async takePart(index: number, { value, attester }: Sharer): Promise<Float32Array> {
    const { study } = this.study;
    const party = this.study.participants[index];
    if (party === undefined) throw new Error(`no participant ${index}`);
    const end = await participate(
      {
        study,
        participant: party.id,
        keys: { kind: 'participant', identity: party.identity, release: party.release },
        policies: [study.policy],
        trainer: adding(value),
        store: memoryReleaseStore(),
        ...(attester === undefined ? {} : { attester }),
      },
      nodePorts(this.#origin, () => undefined),
      new AbortController().signal,
    );
    if (end.release === undefined) throw new Error('no release');
    return end.release.weights;
  }

  /** Verifies all releases as somebody does who was not there: the chain, and by the policy. Gives whose they are. */
  async verifyReleases(): Promise<readonly AttestedAggregator[]> {
    const { digest, policy } = this.study.study;
    const listed = await this.#host.releases(digest);
    const statements = await Promise.all(listed.map(({ release }) => this.#host.statement(release)));
    const attest = attestReleaseBy([policy], nodeCrypto);
    const expected = { manifestDigest: digest, place: { kind: 'first' }, attest } as const;
    return (await verifyReleaseChain(statements, expected, nodeCrypto)).map(({ proof }) => proof);
  }
}

/** Adds `value` to every weight, as if learnt from ten examples. */
function adding(value: number): Trainer {
  return {
    train: async ({ global }) => ({
      delta: new Float32Array(global.length).fill(value),
      examples: 10,
      metrics: { loss: 0.5 },
    }),
    dispose: () => undefined,
  };
}
