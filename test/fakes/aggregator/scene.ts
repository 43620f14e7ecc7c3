import { equalBytes } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { RoundOpening } from '#shared/protocol/opening.ts';
import { openRelease } from '#shared/release/open-release.ts';
import type { ReleaseStatement } from '#shared/release/statement.ts';
import { verifyReleaseStatement } from '#shared/release/verify-release.ts';
import type { EnclaveUnderTest, PublishedRelease } from './enclave.ts';
import { ScriptedParticipant, type UpdateChanges } from './participant.ts';
import { makeStudy, type TestStudy, type TestStudyOptions } from './study.ts';

/** An update whose values are all the same. */
export interface Contribution {
  readonly value: number;
  readonly examples: number;
  readonly loss?: number;
}

/** What a recipient finds in a release. */
export interface OpenedRelease {
  readonly weights: Float32Array;
  readonly metrics: Readonly<Record<string, number>>;
  readonly contributions: number;
  readonly statement: ReleaseStatement;
}

/** What the two honest participants send. Their mean is a whole number, so that releases compare bit for bit. */
export const HONEST: readonly [Contribution, Contribution] = [
  { value: 1, examples: 10, loss: 0.5 },
  { value: 4, examples: 20, loss: 2 },
];

/** Parameters of a scene's model: four chunks of 1 KiB, the last one short, behind the prelude. */
export const PARAMETERS = 900;

/** What a scene's study and its opening differ in. */
export type SceneOptions = Omit<TestStudyOptions, 'pcr0' | 'rootSha256'> & {
  /** Where participants connect, if not straight to the enclave. */
  readonly url?: string;
  /** Positions of the participants that join at once; all by default. */
  readonly joining?: readonly number[];
};

/** Mean of `contributions` by their bounded weights, as the default manifest weighs them. */
export function meanOf(contributions: readonly Contribution[]): number {
  const weights = contributions.map(({ examples }) => Math.min(examples, 100));
  const sum = contributions.reduce((total, { value }, index) => total + value * (weights[index] ?? 0), 0);
  return sum / weights.reduce((total, weight) => total + weight, 0);
}

/** One started study in a running enclave, with its participants joined. */
export class Scene {
  readonly enclave: EnclaveUnderTest;
  readonly study: TestStudy;
  readonly url: string;
  readonly #people = new Map<number, ScriptedParticipant>();
  /** Weight that every parameter should have by now. */
  expected = 0;

  private constructor(enclave: EnclaveUnderTest, study: TestStudy, url: string) {
    this.enclave = enclave;
    this.study = study;
    this.url = url;
  }

  static async open(enclave: EnclaveUnderTest, options: SceneOptions = {}): Promise<Scene> {
    const { pcr0, rootSha256 } = enclave.enclave;
    const study = makeStudy({ pcr0, rootSha256, parameters: PARAMETERS, ...options });
    await enclave.offer(study);
    const scene = new Scene(enclave, study, options.url ?? enclave.url);
    await Promise.all((options.joining ?? study.participants.map((_, index) => index)).map((at) => scene.join(at)));
    const answer = await enclave.handIn(await enclave.command(study, 'start'));
    if (!answer.accepted) throw new Error(`start was refused: ${answer.code}`);
    await scene.published(0);
    return scene;
  }

  /** Opens a new session of participant `index`. */
  async join(index: number): Promise<ScriptedParticipant> {
    const person = await ScriptedParticipant.join(this.url, this.study, index);
    this.#people.set(index, person);
    return person;
  }

  /** The open session of participant `index`, opened anew when it has ended. */
  async person(index: number): Promise<ScriptedParticipant> {
    const person = this.#people.get(index);
    return person === undefined || person.closed ? this.join(index) : person;
  }

  /** The opening of `round`, as participant `index` gets it. */
  async opening(index: number, round: number): Promise<RoundOpening> {
    return (await this.person(index)).opening((opening) => opening.round === round);
  }

  /** Sends an update of participant `index` and gives the answer. */
  async contribute(index: number, opening: RoundOpening, contribution: Contribution) {
    const person = await this.person(index);
    return person.upload(person.sealer(opening, changesFor(contribution)));
  }

  /** Runs `round` to its end: the two honest ones contribute, after whatever happens in between. */
  async round(
    round: number,
    between: (opening: RoundOpening) => Promise<readonly Contribution[]>,
  ): Promise<OpenedRelease> {
    const openings = await Promise.all([0, 1].map((index) => this.opening(index, round)));
    const [opening] = openings;
    if (opening === undefined) throw new Error('no opening');
    const others = await between(opening);
    const answers = await Promise.all(
      HONEST.map((contribution, index) => this.contribute(index, openings[index] ?? opening, contribution)),
    );
    if (answers.some((answer) => answer !== 'receipt'))
      throw new Error(`an honest update got ${JSON.stringify(answers)}`);
    this.expected += meanOf([...HONEST, ...others]);
    return this.release(round);
  }

  /** Participant `index` takes no part in this attempt, whatever it did before. */
  async decline(index: number, { round, attempt }: RoundOpening): Promise<void> {
    const person = await this.person(index);
    await person.send({ name: 'decline', body: { round, attempt, reason: 'a test' } });
  }

  /** The release of `round` as it left the enclave. */
  published(round: number): Promise<PublishedRelease> {
    return this.enclave.until(() => this.releasesOf(round)[0]);
  }

  /** Every transfer of the release of `round` that came to its end. */
  releasesOf(round: number): readonly PublishedRelease[] {
    const { digest } = this.study.study;
    return this.enclave.releases.filter((each) => each.round === round && equalBytes(each.manifestDigest, digest));
  }

  /** Waits for the release of `round` and opens it as the first participant does. */
  async release(round: number): Promise<OpenedRelease> {
    return openPublished(await this.published(round), this.study);
  }

  leave(): void {
    for (const person of this.#people.values()) person.leave();
  }
}

/** What `contribution` changes in a scripted update. */
export function changesFor({ value, examples, loss }: Contribution): UpdateChanges {
  const values = new Float32Array(PARAMETERS).fill(value);
  return { values, examples, metrics: loss === undefined ? {} : { loss } };
}

/** Opens a release with the release key of participant `index`. */
export async function openPublished(published: PublishedRelease, study: TestStudy, index = 0): Promise<OpenedRelease> {
  const recipient = study.participants[index];
  if (recipient === undefined) throw new Error(`the study has no participant ${index}`);
  const verified = await verifyReleaseStatement(
    published.statement,
    {
      manifestDigest: study.study.digest,
      place: { kind: 'anywhere', because: 'the test looks at one release at a time' },
      attest: async () => 'the enclave of this test',
    },
    nodeCrypto,
  );
  const weights = new Float32Array(verified.statement.tensorBytes / 4);
  const receiver = { recipient: recipient.id, secretKey: recipient.release.secretKey, target: weights };
  const prelude = await openRelease(verified, [published.payload], receiver, nodeCrypto);
  return { weights, ...prelude, statement: verified.statement };
}
