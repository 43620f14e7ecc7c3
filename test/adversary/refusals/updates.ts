import { expect } from 'chai';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { layoutOf } from '#shared/model/layout.ts';
import { chunkFrame } from '#shared/protocol/frames.ts';
import type { RoundOpening } from '#shared/protocol/opening.ts';
import { CANNOT_OPEN, decodeUpdateHeader, encodeUpdateHeader, type UpdateHeader } from '#shared/update/header.ts';
import type { UpdateSealer } from '#shared/update/seal-update.ts';
import { flipped } from '#test/fakes/aggregator/flipped.ts';
import type { ScriptedParticipant, UpdateChanges } from '#test/fakes/aggregator/participant.ts';
import { changesFor, PARAMETERS } from '#test/fakes/aggregator/scene.ts';
import type { Stage } from './stage.ts';

const HONESTLY = { value: 7, examples: 30 };

/** Codes for updates refused by their header. */
export function headerRefusals(stage: Stage): void {
  const refuses = (title: string, code: RefusalCode, changes: (opening: RoundOpening) => UpdateChanges): void => {
    it(`${code} for ${title}`, () =>
      stage.during(async (offender, opening) => {
        const sealer = offender.sealer(opening, { ...changesFor(HONESTLY), ...changes(opening) });
        stage.provoked(await codeOf(offender.upload(sealer)), code);
        return undefined;
      }));
  };
  const otherLayout = layoutOf([{ name: 'weights', shape: [1] }], nodeCrypto).digest;
  const renamed = layoutOf([{ name: 'other', shape: [PARAMETERS] }], nodeCrypto).digest;
  const reshaped = layoutOf([{ name: 'weights', shape: [1, PARAMETERS] }], nodeCrypto).digest;
  const one = new Float32Array(1).fill(7);
  const twice = new Float32Array(2 * PARAMETERS).fill(7);

  refuses('the round before', 'ROUND_CLOSED', ({ round }) => ({ opening: { round: round - 1 } }));
  refuses('a round to come', 'ROUND_WRONG', ({ round }) => ({ opening: { round: round + 1 } }));
  refuses('an attempt to come', 'ROUND_WRONG', ({ attempt }) => ({ opening: { attempt: attempt + 1 } }));
  refuses('another manifest', 'STUDY_WRONG', () => ({ opening: { manifestDigest: new Uint8Array(32) } }));
  refuses("another's name", 'UPDATE_FOREIGN', () => ({ participant: 'site-1' }));
  refuses('another key', 'UPDATE_SIGNATURE_INVALID', () => ({
    identitySecretKey: nodeCrypto.ed25519Generate().secretKey,
  }));
  refuses('another base release', 'UPDATE_BASE_WRONG', () => ({ opening: { baseRelease: new Uint8Array(32) } }));
  refuses('a shape that would broadcast', 'UPDATE_LAYOUT_WRONG', () => ({
    opening: { layoutDigest: otherLayout },
    values: one,
  }));
  refuses('another tensor name', 'UPDATE_LAYOUT_WRONG', () => ({ opening: { layoutDigest: renamed } }));
  refuses('another shape of the same size', 'UPDATE_LAYOUT_WRONG', () => ({ opening: { layoutDigest: reshaped } }));
  refuses('more values than the layout has', 'UPDATE_OVERSIZED', () => ({ values: twice }));
  refuses('one value in place of all', 'UPDATE_OVERSIZED', () => ({ values: one }));
  refuses('larger chunks', 'UPDATE_OVERSIZED', () => ({ opening: { chunkBytes: 2048 } }));

  it('UPDATE_REPLAYED for an update id that was used before', () =>
    stage.during(async (offender, opening) => {
      const updateId = nodeCrypto.randomBytes(16);
      const first = offender.sealer(opening, { ...changesFor(HONESTLY), updateId, examples: 0 });
      expect(await codeOf(offender.upload(first))).to.equal('UPDATE_EXAMPLES_INVALID');
      const second = offender.sealer(opening, { ...changesFor(HONESTLY), updateId });
      stage.provoked(await codeOf(offender.upload(second)), 'UPDATE_REPLAYED');
      return undefined;
    }));

  it('UPDATE_DUPLICATE for a second update, and the first one counts', () =>
    stage.during(async (offender, opening) => {
      expect(await codeOf(offender.upload(offender.sealer(opening, changesFor(HONESTLY))))).to.equal('receipt');
      const second = offender.sealer(opening, changesFor({ value: 1000, examples: 100 }));
      stage.provoked(await codeOf(offender.upload(second)), 'UPDATE_DUPLICATE');
      return [HONESTLY];
    }));

  it('FRAME_MALFORMED for a header that is not one', () =>
    stage.during(async (offender) => {
      const header = signPayload(
        PAYLOAD_TYPES.updateHeader,
        Uint8Array.of(0x80),
        offender.party.identity.secretKey,
        nodeCrypto,
      );
      await offender.send({ name: 'begin', body: { header } });
      await stage.endsWith(offender, 'FRAME_MALFORMED');
      return undefined;
    }));
}

/** Codes for updates refused by what they hold. */
export function contentRefusals(stage: Stage): void {
  const refuses = (title: string, code: RefusalCode, changes: UpdateChanges): void => {
    it(`${code} for ${title}`, () =>
      stage.during(async (offender, opening) => {
        const sealer = offender.sealer(opening, { ...changesFor(HONESTLY), ...changes });
        stage.provoked(await codeOf(offender.upload(sealer)), code);
        return undefined;
      }));
  };
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (const [where, at] of [
      ['first', 0],
      ['middle', 300],
      ['last', PARAMETERS - 1],
    ] as const) {
      const values = new Float32Array(PARAMETERS).fill(1);
      values[at] = value;
      refuses(`${value} in the ${where} chunk`, 'UPDATE_NOT_FINITE', { values });
    }
  }
  refuses('a value whose sums could overflow', 'UPDATE_NOT_FINITE', {
    values: new Float32Array(PARAMETERS).fill(3e38),
  });
  for (const examples of [0, -99, 1e12, Number.NaN, 1.5, Number.POSITIVE_INFINITY, 1001]) {
    refuses(`${examples} examples`, 'UPDATE_EXAMPLES_INVALID', { examples });
  }
  refuses('an unknown metric', 'UPDATE_METRICS_INVALID', { metrics: { accuracy: 1 } });
  refuses('one metric too many', 'UPDATE_METRICS_INVALID', { metrics: { loss: 1, other: 1 } });
  for (const loss of [Number.NaN, Number.POSITIVE_INFINITY, -1e13]) {
    refuses(`a metric of ${loss}`, 'UPDATE_METRICS_INVALID', { metrics: { loss } });
  }
}

type Bend = (sealer: UpdateSealer, index: number, sealed: Uint8Array) => Promise<Uint8Array>;

/** The one code for everything that could not be opened, and its one detail. */
export function rejections(stage: Stage): void {
  const chunkOnly =
    (at: number, bend: (sealed: Uint8Array, sealer: UpdateSealer) => Promise<Uint8Array> | Uint8Array): Bend =>
    async (sealer, index, sealed) =>
      index === at ? bend(sealed, sealer) : sealed;
  const rejects = (title: string, changes: UpdateChanges, bend: Bend = async (_sealer, _index, sealed) => sealed) =>
    it(`UPDATE_REJECTED, in the same words, for ${title}`, () =>
      stage.during(async (offender, opening) => {
        const sealer = offender.sealer(opening, { ...changesFor(HONESTLY), ...changes });
        const { code, detail } = refusalOf(await sendBent(offender, sealer, bend));
        stage.provoked(code, 'UPDATE_REJECTED');
        expect(detail).to.equal(CANNOT_OPEN);
        return undefined;
      }));

  for (const [where, at] of [
    ['first', 0],
    ['middle', 2],
    ['last', 4],
  ] as const) {
    rejects(
      `a flipped bit in the ${where} chunk`,
      {},
      chunkOnly(at, (sealed) => flipped(sealed, 3)),
    );
    rejects(
      `a flipped bit in the tag of the ${where} chunk`,
      {},
      chunkOnly(at, (sealed) => flipped(sealed, -1)),
    );
  }
  rejects(
    'a chunk whose second half is cut off and filled up',
    {},
    chunkOnly(1, (sealed) => sealed.slice().fill(0, 500)),
  );
  rejects(
    'a chunk of another place',
    {},
    chunkOnly(1, (_sealed, sealer) => sealer.chunk(2)),
  );
  rejects('another round key', { opening: { roundKey: nodeCrypto.xWing.generate().publicKey } });
  // A number where the codec lets anything through: the prelude opens and is malformed.
  rejects('a malformed prelude', { examples: 'many' as unknown as number });

  it('UPDATE_REJECTED, in the same words, for a chunk of another update', () =>
    stage.during(async (offender, opening) => {
      const other = offender.sealer(opening, changesFor(HONESTLY));
      const sealer = offender.sealer(opening, changesFor(HONESTLY));
      const bend = chunkOnly(1, () => other.chunk(1));
      expect(refusalOf(await sendBent(offender, sealer, bend))).to.include({
        code: 'UPDATE_REJECTED',
        detail: CANNOT_OPEN,
      });
      return undefined;
    }));

  const headers: readonly (readonly [string, (header: UpdateHeader) => UpdateHeader])[] = [
    ['another KEM', (header) => ({ ...header, kem: 0x20 })],
    ['an altered encapsulated key', (header) => ({ ...header, encapsulated: flipped(header.encapsulated, 5) })],
  ];
  for (const [title, change] of headers) {
    it(`UPDATE_REJECTED, in the same words, for a header with ${title}, signed by its sender`, () =>
      stage.during(async (offender, opening) => {
        const sealer = offender.sealer(opening, changesFor(HONESTLY));
        const header = decodeUpdateHeader(sealer.header.payload);
        if (header === undefined) throw new Error('an honest header decodes');
        const payload = encodeUpdateHeader(change(header));
        const signed = signPayload(PAYLOAD_TYPES.updateHeader, payload, offender.party.identity.secretKey, nodeCrypto);
        const begun = await offender.begin({ header: signed, updateId: sealer.updateId });
        if (begun === 0) offender.sendRaw(await offender.chunk(sealer, 0));
        const answer = typeof begun === 'number' ? await offender.answer(sealer.updateId) : begun;
        expect(refusalOf(answer)).to.include({ code: 'UPDATE_REJECTED', detail: CANNOT_OPEN });
        return undefined;
      }));
  }
}

async function sendBent(offender: ScriptedParticipant, sealer: UpdateSealer, bend: Bend) {
  expect(await offender.begin(sealer)).to.equal(0);
  for (let index = 0; index < sealer.chunkCount; index++) {
    const sealed = await bend(sealer, index, await sealer.chunk(index));
    offender.sendRaw(chunkFrame(sealer.updateId, index, sealed));
  }
  return offender.answer(sealer.updateId);
}

async function codeOf(answer: ReturnType<ScriptedParticipant['answer']>): Promise<string> {
  const found = await answer;
  return found === 'receipt' ? found : found.code;
}

function refusalOf(found: Awaited<ReturnType<ScriptedParticipant['answer']>>) {
  if (found === 'receipt') throw new Error('the update counts');
  return found;
}
