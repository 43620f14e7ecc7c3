import { type AggregationArena, createArena } from '#enclave/aggregation/arena.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import { AttemptIntake, type EndedUploads } from '#enclave/intake/attempt.ts';
import { StagingSlots } from '#enclave/intake/slots.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { UpdateSealer } from '#shared/update/seal-update.ts';
import { HandClock } from '#test/fakes/hand-clock.ts';
import { makeStudy, type TestStudy } from './study.ts';

const PCR0 = '00'.repeat(48);
const ROOT = '11'.repeat(32);
export const STALL_MS = 10_000;
export const CHUNK_BYTES = 1024;

/** An intake of its own, with a clock that the test moves and as many staging areas as it says. */
export class IntakeUnderTest {
  readonly study: TestStudy;
  readonly clock = new HandClock();
  readonly intake: AttemptIntake;
  readonly arena: AggregationArena;
  readonly events: { readonly kind: 'granted' | 'preempted'; readonly owner: string; readonly next?: number }[] = [];
  readonly #roundKey = nodeCrypto.xWing.generate();
  readonly #baseRelease = new Uint8Array(32).fill(1);

  private constructor(study: TestStudy, arena: AggregationArena, ended: EndedUploads) {
    this.study = study;
    this.arena = arena;
    this.intake = new AttemptIntake({
      study: study.study,
      round: 1,
      attempt: 1,
      baseRelease: this.#baseRelease,
      chunkBytes: CHUNK_BYTES,
      roundKey: this.#roundKey,
      arena,
      slots: new StagingSlots(arena.slots, STALL_MS),
      crypto: nodeCrypto,
      clock: this.clock,
      ended,
    });
  }

  static async create(slots: number, parameters = 600, ended: EndedUploads = new Map()): Promise<IntakeUnderTest> {
    const study = makeStudy({ pcr0: PCR0, rootSha256: ROOT, parameters });
    const arena = await createArena({ parameterCount: parameters, slots, backend: await loadTensors() });
    return new IntakeUnderTest(study, arena, ended);
  }

  /** An honest update of participant `index`. */
  sealer(index: number, examples = 10, value = 1): UpdateSealer {
    const { study, participants } = this.study;
    const party = participants[index];
    if (party === undefined) throw new Error(`the study has no participant ${index}`);
    return new UpdateSealer(
      {
        manifestDigest: study.digest,
        round: 1,
        attempt: 1,
        roundKey: this.#roundKey.publicKey,
        baseRelease: this.#baseRelease,
        layoutDigest: study.layout.digest,
        chunkBytes: CHUNK_BYTES,
      },
      {
        participant: party.id,
        identitySecretKey: party.identity.secretKey,
        updateId: nodeCrypto.randomBytes(16),
      },
      {
        prelude: { examples, metrics: { loss: value } },
        tensorBytes: new Uint8Array(new Float32Array(study.layout.parameterCount).fill(value).buffer),
      },
      nodeCrypto,
    );
  }

  begin(index: number, sealer: UpdateSealer): ReturnType<AttemptIntake['begin']> {
    const participant = this.study.study.participants[index];
    if (participant === undefined) throw new Error(`the study has no participant ${index}`);
    const owner = participant.id;
    return this.intake.begin(participant, sealer.header, {
      granted: (_updateId, next) => this.events.push({ kind: 'granted', owner, next }),
      preempted: () => this.events.push({ kind: 'preempted', owner }),
    });
  }

  async chunk(index: number, sealer: UpdateSealer, at: number): ReturnType<AttemptIntake['chunk']> {
    return this.intake.chunk(`site-${index + 1}`, sealer.updateId, at, await sealer.chunk(at));
  }

  async chunks(index: number, sealer: UpdateSealer, from = 0): Promise<Awaited<ReturnType<AttemptIntake['chunk']>>> {
    for (let at = from; at < sealer.chunkCount - 1; at++) await this.chunk(index, sealer, at);
    return this.chunk(index, sealer, sealer.chunkCount - 1);
  }
}
