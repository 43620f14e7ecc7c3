import { expect } from 'chai';
import { REFUSAL_CODES, type RefusalCode } from '#shared/fault/codes.ts';
import type { RoundOpening } from '#shared/protocol/opening.ts';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import type { ScriptedParticipant } from '#test/fakes/aggregator/participant.ts';
import { type Contribution, PARAMETERS, Scene } from '#test/fakes/aggregator/scene.ts';

/** Position of the participant that misbehaves; the two before it are honest. */
export const OFFENDER = 2;

/** What an attack leaves behind: updates of the offender's that count, none by default. */
type Attack = (offender: ScriptedParticipant, opening: RoundOpening) => Promise<readonly Contribution[] | undefined>;

/** One enclave with one long study. Each attack is made in a round of its own, which must end as if there were none. */
export class Stage {
  readonly #seen = new Set<RefusalCode>();
  #open: { readonly enclave: EnclaveUnderTest; readonly scene: Scene } | undefined;
  #round = 0;

  /** Starts the enclave, the real one unless `start` makes another, and its study. */
  async raise(start = () => EnclaveUnderTest.start(['--chunk-kib', '1'])): Promise<void> {
    const enclave = await start();
    const scene = await Scene.open(enclave, { rounds: { count: 1000 } });
    this.#open = { enclave, scene };
  }

  async strike(): Promise<void> {
    this.#open?.scene.leave();
    await this.#open?.enclave.stop();
  }

  get enclave(): EnclaveUnderTest {
    return this.#opened().enclave;
  }

  get scene(): Scene {
    return this.#opened().scene;
  }

  #opened(): { readonly enclave: EnclaveUnderTest; readonly scene: Scene } {
    if (this.#open === undefined) throw new Error('the stage is not up');
    return this.#open;
  }

  /** Plays `attack` in the next round; the honest ones finish it and the release is the mean of what counts. */
  async during(attack: Attack): Promise<void> {
    const round = ++this.#round;
    const { scene } = this;
    const release = await scene.round(round, async () => {
      const opening = await scene.opening(OFFENDER, round);
      const counted = (await attack(await scene.person(OFFENDER), opening)) ?? [];
      if (counted.length === 0) await scene.decline(OFFENDER, opening);
      return counted;
    });
    expect(release.weights).to.deep.equal(new Float32Array(PARAMETERS).fill(scene.expected));
  }

  /** Asserts a code and notes that it was provoked. */
  provoked(found: string | null, code: RefusalCode): void {
    expect(found).to.equal(code);
    this.#seen.add(code);
  }

  /** The enclave ends the session of `person` with `code`. */
  async endsWith(person: ScriptedParticipant, code: RefusalCode): Promise<void> {
    this.provoked(await person.closing(), code);
    await person.ended();
  }

  /** Codes of the table that no test has provoked. */
  unseen(): readonly string[] {
    const seen: ReadonlySet<string> = this.#seen;
    return Object.keys(REFUSAL_CODES).filter((code) => !seen.has(code));
  }
}
