import { nodeCrypto } from '#shared/crypto/node.ts';
import type { KeyPair } from '#shared/crypto/port.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { floatBytes } from '#shared/model/parameters.ts';
import { type AnswerSubject, encodeReceipt, encodeRefusal } from '#shared/protocol/answers.ts';
import type { ToParticipant } from '#shared/protocol/messages.ts';
import { encodeRoundOpening, type RoundOpening } from '#shared/protocol/opening.ts';
import { ReleaseSealer, signRelease } from '#shared/release/seal-release.ts';
import type { ReleaseStatement } from '#shared/release/statement.ts';
import type { Study } from '#shared/study/study.ts';
import { openUpdateHeader } from '#shared/update/header.ts';
import { UpdateOpener } from '#shared/update/open-update.ts';
import type { FakeEnclave, FakeSession } from './enclave-session.ts';

/** Small chunks, so that a small model has several. */
export const CHUNK_BYTES = 1024;

/** A release as the host stores it. */
export interface FakeRelease {
  readonly release: Uint8Array;
  readonly round: number;
  readonly envelope: Uint8Array;
  readonly payload: Uint8Array;
}

/** How a test bends a release. */
export interface ReleaseBend {
  readonly statement?: Partial<ReleaseStatement>;
  readonly signWith?: Uint8Array;
  readonly weights?: Float32Array;
  readonly recipients?: readonly string[];
}

/** Seals and signs a release of `study` after `previous`. */
export async function fakeRelease(
  enclave: FakeEnclave,
  study: Study,
  previous: FakeRelease | undefined,
  bend: ReleaseBend = {},
): Promise<FakeRelease> {
  const round = previous === undefined ? 0 : previous.round + 1;
  const place = { manifestDigest: study.digest, round, previous: previous?.release ?? new Uint8Array(32) };
  const weights = bend.weights ?? new Float32Array(study.layout.parameterCount).fill(round);
  const recipients = study.recipients.filter(({ id }) => bend.recipients?.includes(id) ?? true);
  const sealer = await ReleaseSealer.create(
    { ...place, recipients, chunkBytes: CHUNK_BYTES },
    { prelude: { metrics: { loss: 0.5 }, contributions: round === 0 ? 0 : 2 }, tensorBytes: floatBytes(weights) },
    nodeCrypto,
  );
  const pieces: Uint8Array[] = [];
  for await (const piece of sealer.pieces()) pieces.push(piece);
  const { document, nonceRoot } = await enclave.evidence([nodeCrypto.randomBytes(32)]);
  const statement: ReleaseStatement = {
    ...place,
    payloadDigest: sealer.payloadDigest(),
    study: study.manifest.study,
    cohortSize: 2,
    contributions: round === 0 ? 0 : 2,
    rule: round === 0 ? { kind: 'initial' } : { kind: 'mean', weighting: 'uniform' },
    privacy: { kind: 'none' },
    layoutDigest: study.layout.digest,
    tensorBytes: study.layout.bytes,
    chunkBytes: CHUNK_BYTES,
    evidence: {
      platform: 'aws-nitro',
      document,
      endorsements: [],
      kemKey: enclave.kem.publicKey,
      signingKey: enclave.signing.publicKey,
      nonceRoot,
    },
    ...bend.statement,
  };
  const signed = signRelease(statement, bend.signWith ?? enclave.signing.secretKey, nodeCrypto);
  return { ...signed, round: statement.round, payload: new Uint8Array(Buffer.concat(pieces)) };
}

/** Lets the host serve `releases` under their digests, and list them. */
export function serve(enclave: FakeEnclave, study: Study, ...releases: readonly FakeRelease[]): void {
  for (const { release, envelope, payload } of releases) {
    const path = `/v1/releases/${Buffer.from(release).toString('hex')}`;
    enclave.routes.set(`${path}/statement`, (_, response) => response.end(envelope));
    enclave.routes.set(`${path}/payload`, (_, response) => response.end(payload));
  }
  const list = releases.map(({ round, release }) => ({ round, release: Buffer.from(release).toString('hex') }));
  const path = `/v1/studies/${Buffer.from(study.digest).toString('hex')}/releases`;
  enclave.routes.set(path, (_, response) => response.end(JSON.stringify(list)));
}

/** An attempt that is open, with the key that opens updates for it. */
export interface FakeRound {
  readonly opening: RoundOpening;
  readonly roundKey: KeyPair;
  readonly message: ToParticipant;
}

/** Opens an attempt on `base`, signed by the enclave. */
export function fakeRound(
  enclave: FakeEnclave,
  study: Study,
  base: FakeRelease,
  bend: Partial<RoundOpening> = {},
): FakeRound {
  const roundKey = nodeCrypto.xWing.generate();
  const opening: RoundOpening = {
    manifestDigest: study.digest,
    round: base.round + 1,
    attempt: 0,
    kem: nodeCrypto.xWing.id,
    roundKey: roundKey.publicKey,
    baseRelease: base.release,
    layoutDigest: study.layout.digest,
    chunkBytes: CHUNK_BYTES,
    remainingMs: 60_000,
    ...bend,
  };
  const signed = enclave.sign(PAYLOAD_TYPES.round, encodeRoundOpening(opening));
  return { opening, roundKey, message: { name: 'round', body: { opening: signed } } };
}

/** An upload as the enclave sees it. */
export interface FakeIntake {
  readonly opener: UpdateOpener;
  readonly subject: AnswerSubject;
  readonly plaintexts: Uint8Array[];
}

/** Takes the `begin` that comes next and verifies its header for `round`. */
export async function takeBegin(session: FakeSession, study: Study, round: FakeRound): Promise<FakeIntake> {
  const { header } = await session.expect('begin');
  const [own] = study.participants;
  if (own === undefined) throw new Error('the study has participants');
  const expected = {
    ...round.opening,
    participant: own.id,
    identityKey: own.identityKey,
    tensorBytes: study.layout.bytes,
  };
  const verdict = openUpdateHeader(header, expected, nodeCrypto);
  if (verdict.kind === 'refused') throw new Error(`the header was refused: ${verdict.code}`);
  const opener = UpdateOpener.create(verdict.value, round.roundKey.secretKey, nodeCrypto);
  if (opener === undefined) throw new Error('the encapsulated key is malformed');
  const { manifestDigest, attempt } = round.opening;
  const { updateId, participant } = verdict.value;
  const subject = { manifestDigest, round: round.opening.round, attempt, participant, updateId };
  return { opener, subject, plaintexts: [] };
}

/** Takes the chunks that come next, up to but not including index `until`. */
export async function takeChunks(session: FakeSession, intake: FakeIntake, until: number): Promise<void> {
  for (let index = intake.plaintexts.length; index < until; index++) {
    const chunk = await session.expectChunk();
    if (chunk.index !== index) throw new Error(`found chunk ${chunk.index}, expected ${index}`);
    const plaintext = await intake.opener.open(index, chunk.sealed);
    if (plaintext === undefined) throw new Error(`chunk ${index} does not open`);
    intake.plaintexts.push(plaintext);
  }
}

export function grantOf({ subject }: FakeIntake, next: number): ToParticipant {
  return { name: 'grant', body: { updateId: subject.updateId, next } };
}

export function receiptOf(enclave: FakeEnclave, { subject }: FakeIntake, digest: Uint8Array): ToParticipant {
  return { name: 'receipt', body: { receipt: enclave.sign(PAYLOAD_TYPES.receipt, encodeReceipt(subject, digest)) } };
}

export function refusalOf(enclave: FakeEnclave, { subject }: FakeIntake, code: RefusalCode): ToParticipant {
  const signed = enclave.sign(PAYLOAD_TYPES.refusal, encodeRefusal(subject, code, 'as the test says'));
  return { name: 'refusal', body: { refusal: signed } };
}
