import { expect } from 'chai';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { chunkFrame } from '#shared/protocol/frames.ts';
import type { RoundOpening } from '#shared/protocol/opening.ts';
import type { UpdateSealer } from '#shared/update/seal-update.ts';
import type { ScriptedParticipant } from '#test/fakes/aggregator/participant.ts';
import { changesFor } from '#test/fakes/aggregator/scene.ts';
import type { Stage } from './stage.ts';

/** Codes that end the session of whoever breaks the order of an upload. */
export function chunkRefusals(stage: Stage): void {
  const ends = (
    title: string,
    code: RefusalCode,
    send: (offender: ScriptedParticipant, sealer: UpdateSealer) => Promise<void>,
  ): void => {
    it(`${code} for ${title}`, () =>
      stage.during(async (offender, opening) => {
        const sealer = await begun(offender, opening);
        await send(offender, sealer);
        await stage.endsWith(offender, code);
        return undefined;
      }));
  };

  ends('a chunk that was taken before', 'CHUNK_REPEATED', async (offender, sealer) => {
    for (const index of [0, 1, 0]) offender.sendRaw(await offender.chunk(sealer, index));
  });
  ends('a chunk before its predecessor', 'CHUNK_MISSING', async (offender, sealer) => {
    for (const index of [0, 2]) offender.sendRaw(await offender.chunk(sealer, index));
  });
  ends('a chunk past the end', 'CHUNK_MISSING', async (offender, sealer) => {
    offender.sendRaw(chunkFrame(sealer.updateId, 0xffffffff, new Uint8Array(64)));
  });
  ends('a chunk of an update that nobody began', 'CHUNK_FOREIGN', async (offender) => {
    offender.sendRaw(chunkFrame(nodeCrypto.randomBytes(16), 0, new Uint8Array(64)));
  });
  ends('a tensor chunk that is one byte short', 'CHUNK_MALFORMED', async (offender, sealer) => {
    offender.sendRaw(await offender.chunk(sealer, 0));
    offender.sendRaw(chunkFrame(sealer.updateId, 1, (await sealer.chunk(1)).subarray(1)));
  });
  ends('a last chunk as long as the others', 'CHUNK_MALFORMED', async (offender, sealer) => {
    for (const index of [0, 1, 2, 3]) offender.sendRaw(await offender.chunk(sealer, index));
    offender.sendRaw(chunkFrame(sealer.updateId, 4, new Uint8Array(1024 + 16)));
  });
  ends('a prelude longer than any', 'CHUNK_MALFORMED', async (offender, sealer) => {
    offender.sendRaw(chunkFrame(sealer.updateId, 0, new Uint8Array(16 * 1024 + 17)));
  });

  it('nothing for chunks that follow a refused one: they were on their way', () =>
    stage.during(async (offender, opening) => {
      const sealer = await begun(offender, opening, 0);
      for (let index = 0; index < sealer.chunkCount; index++) offender.sendRaw(await offender.chunk(sealer, index));
      expect(await offender.answer(sealer.updateId)).to.include({ code: 'UPDATE_EXAMPLES_INVALID' });
      const again = { value: 2, examples: 30 };
      expect(await offender.upload(offender.sealer(opening, changesFor(again)))).to.equal('receipt');
      return [again];
    }));
}

async function begun(offender: ScriptedParticipant, opening: RoundOpening, examples = 30): Promise<UpdateSealer> {
  const sealer = offender.sealer(opening, changesFor({ value: 7, examples }));
  expect(await offender.begin(sealer)).to.equal(0);
  return sealer;
}
