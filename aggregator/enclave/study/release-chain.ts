import type { CryptoPort } from '#shared/crypto/port.ts';
import { assert } from '#shared/fault/fault.ts';
import { ReleaseSealer, signRelease } from '#shared/release/seal-release.ts';
import type { ReleaseRule } from '#shared/release/statement.ts';
import type { Study } from '#shared/study/study.ts';
import { type AggregationArena, createArena } from '../aggregation/arena.ts';
import type { Tensors } from '../aggregation/tensors.ts';
import type { AttemptIntake } from '../intake/attempt.ts';
import type { InstanceKeys } from '../keys/instance-keys.ts';
import type { Clock } from '../ports/clock.ts';
import type { HostPort } from '../ports/host.ts';
import { type OutgoingRelease, Publisher } from '../publication/publisher.ts';
import type { EvidenceBatch } from '../session/evidence-batch.ts';

/** What a study's releases are made of and with. */
export interface ReleaseChainParts {
  readonly study: Study;
  /** Initial weights, `[parameterCount]`; the chain owns and changes them. */
  readonly model: Float32Array;
  /** Staging areas for uploads in flight. */
  readonly slots: number;
  readonly evidence: EvidenceBatch;
  readonly keys: InstanceKeys;
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly host: HostPort;
  readonly backend: Tensors;
  /** Numbers the transfers to the host, across all studies. */
  readonly nextTransfer: () => number;
}

/** How the weights that go out next came about. */
interface Making {
  readonly rule: ReleaseRule;
  readonly cohortSize: number;
  readonly contributions: number;
  readonly metrics: Readonly<Record<string, number>>;
}

const INITIAL: Making = { rule: { kind: 'initial' }, cohortSize: 0, contributions: 0, metrics: {} };
const FIRST_PREVIOUS = new Uint8Array(32);
const RELEASE_CHUNK_BYTES = 512 * 1024;

/** The model of one study and the chain of its releases, each bound to the one before. */
export class ReleaseChain {
  readonly arena: AggregationArena;
  readonly #parts: ReleaseChainParts;
  readonly #publisher: Publisher;
  #making: Making = INITIAL;
  #newest: { readonly round: number; readonly release: Uint8Array } | undefined;

  constructor(parts: ReleaseChainParts, arena: AggregationArena) {
    this.#parts = parts;
    this.arena = arena;
    this.#publisher = new Publisher(parts.host, parts.nextTransfer);
  }

  /** The newest release that the host has; `undefined` before release 0. */
  get newest(): { readonly round: number; readonly release: Uint8Array } | undefined {
    return this.#newest;
  }

  /** Moves the model by the mean of a closed attempt. */
  take(intake: AttemptIntake, cohortSize: number): void {
    const { study, model } = this.#parts;
    const { metrics, contributions } = intake.finish(model);
    const weighting = study.manifest.aggregation.weighting.kind;
    this.#making = { rule: { kind: 'mean', weighting }, cohortSize, contributions, metrics };
  }

  /** Seals the model for the manifest's recipients and publishes it as the release of `round`. */
  async publish(round: number): Promise<{ readonly release: Uint8Array; readonly sealUs: number }> {
    const startMs = this.#parts.clock.monotonicMs();
    const outgoing = await this.#outgoing(round);
    const release = await this.#publisher.publish(outgoing);
    this.#newest = { round, release };
    return { release, sealUs: Math.round((this.#parts.clock.monotonicMs() - startMs) * 1000) };
  }

  async #outgoing(round: number): Promise<OutgoingRelease> {
    const { study, model, crypto } = this.#parts;
    const place = { manifestDigest: study.digest, round, previous: this.#newest?.release ?? FIRST_PREVIOUS };
    const { metrics, contributions } = this.#making;
    const content = {
      prelude: { metrics: { ...metrics }, contributions },
      tensorBytes: new Uint8Array(model.buffer, model.byteOffset, model.byteLength),
    };
    const target = { ...place, recipients: study.recipients, chunkBytes: RELEASE_CHUNK_BYTES };
    const sealer = await ReleaseSealer.create(target, content, crypto);
    let signed: ReturnType<OutgoingRelease['signed']> | undefined;
    return {
      manifestDigest: study.digest,
      round,
      payloadBytes: sealer.payloadBytes,
      pieces: () => sealer.pieces(),
      signed: () => (signed ??= this.#sign(place, sealer.payloadDigest())),
      wipe: () => sealer.wipe(),
    };
  }

  #sign(
    place: { readonly manifestDigest: Uint8Array; readonly round: number; readonly previous: Uint8Array },
    payloadDigest: Uint8Array,
  ): ReturnType<OutgoingRelease['signed']> {
    const { study, evidence, keys, crypto } = this.#parts;
    const quote = evidence.latest;
    assert(quote !== undefined, 'a study is served after its first quote');
    const { rule, cohortSize, contributions } = this.#making;
    const statement = {
      ...place,
      payloadDigest,
      study: study.manifest.study,
      cohortSize,
      contributions,
      rule,
      privacy: { kind: 'none' } as const,
      layoutDigest: study.layout.digest,
      tensorBytes: study.layout.bytes,
      chunkBytes: RELEASE_CHUNK_BYTES,
      evidence: { ...quote, kemKey: keys.kem.publicKey, signingKey: keys.signing.publicKey },
    };
    return signRelease(statement, keys.signing.secretKey, crypto);
  }

  /** The host is back: it gets again what it has not stored. */
  hostReturned(): Promise<void> {
    return this.#publisher.hostReturned();
  }

  /** The host has stored a release. */
  stored(release: Uint8Array): void {
    this.#publisher.stored(release);
  }
}

/** The chain of a study that has published nothing yet, with memory for its sums and staging areas. */
export async function createReleaseChain(parts: ReleaseChainParts): Promise<ReleaseChain> {
  const { study, slots, backend } = parts;
  const arena = await createArena({ parameterCount: study.layout.parameterCount, slots, backend });
  return new ReleaseChain(parts, arena);
}
