import { expect } from 'chai';
import { concat, lengthPrefixed, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { InvariantFault } from '#shared/fault/fault.ts';
import { UpdateOpener } from '#shared/update/open-update.ts';
import { decodePrelude } from '#shared/update/prelude.ts';
import { UpdateSealer } from '#shared/update/seal-update.ts';
import { acceptedHeader, sampleRound } from './sample.ts';

function setUp(tensorBytes?: Uint8Array) {
  const round = sampleRound(tensorBytes ?? crypto.randomBytes(3500));
  const sealer = new UpdateSealer(round.target, round.sender, round.content, crypto);
  const opener = openerOf(sealer, round);
  return { ...round, sealer, opener };
}

function openerOf(sealer: UpdateSealer, round: ReturnType<typeof sampleRound>): UpdateOpener {
  const opener = UpdateOpener.create(acceptedHeader(sealer, round.expected), round.roundSecretKey, crypto);
  if (opener === undefined) throw new Error('the encapsulated key is well-formed');
  return opener;
}

async function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => 'nothing was thrown',
    (fault: unknown) => fault,
  );
}

describe('sealed update', () => {
  it('opens to its prelude and tensor bytes, with one digest on both sides', async () => {
    const { sealer, opener, content } = setUp();
    expect(sealer.chunkCount).to.equal(5);
    const opened: Uint8Array[] = [];
    for (let index = 0; index < sealer.chunkCount; index++) {
      const sealed = await sealer.chunk(index);
      const { min, max } = opener.sealedBytes(index);
      expect(sealed.length).to.be.within(min, max);
      opened.push((await opener.open(index, sealed)) ?? new Uint8Array());
    }
    const [prelude = new Uint8Array(), ...tensors] = opened;
    expect(decodePrelude(prelude)).to.deep.equal(content.prelude);
    expect(concat(...tensors)).to.deep.equal(content.tensorBytes);
    expect(opener.digest()).to.deep.equal(sealer.digest());
  });

  it('has the digest that the protocol spells', async () => {
    const { sealer } = setUp();
    const tags: Uint8Array[] = [];
    for (let index = 0; index < sealer.chunkCount; index++) tags.push((await sealer.chunk(index)).subarray(-16));
    const spelt = lengthPrefixed(utf8('cloister/v1/update'), sealer.header.payload, concat(...tags));
    expect(sealer.digest()).to.deep.equal(crypto.digest('sha256', spelt));
  });

  it('gives the same bytes when a chunk is sent again', async () => {
    const { sealer } = setUp();
    const first = await Promise.all([0, 1, 4].map((index) => sealer.chunk(index)));
    expect(await Promise.all([0, 1, 4].map((index) => sealer.chunk(index)))).to.deep.equal(first);
  });

  it('never seals two plaintexts at one place', async () => {
    const tensorBytes = new Uint8Array(3500);
    const { sealer } = setUp(tensorBytes);
    await sealer.chunk(2);
    tensorBytes[1500] = 1;
    expect(await failureOf(sealer.chunk(2))).to.be.instanceOf(InvariantFault);
    tensorBytes[1500] = 0;
    expect(await sealer.chunk(2)).to.have.length(1016);
  });

  it('has another key each time, for the same content', async () => {
    const round = sampleRound();
    const [one, two] = [1, 2].map(() => new UpdateSealer(round.target, round.sender, round.content, crypto));
    expect(await one?.chunk(1)).to.not.deep.equal(await two?.chunk(1));
  });

  it('opens no chunk at another place, cut, altered or of another update', async () => {
    const { sealer, opener, ...round } = setUp();
    const sealed = await sealer.chunk(1);
    expect(await opener.open(2, sealed)).to.equal(undefined);
    expect(await opener.open(1, sealed.subarray(1))).to.equal(undefined);
    expect(await opener.open(1, concat(sealed, Uint8Array.of(0)))).to.equal(undefined);
    const altered = sealed.slice();
    altered[0] = (altered[0] ?? 0) ^ 1;
    expect(await opener.open(1, altered)).to.equal(undefined);
    const another = new UpdateSealer(round.target, round.sender, round.content, crypto);
    expect(await opener.open(1, await another.chunk(1))).to.equal(undefined);
    expect(await opener.open(1, sealed)).to.have.length(1000);
  });

  it('opens nothing with the key of another attempt', async () => {
    const { sealer, expected } = setUp();
    const header = acceptedHeader(sealer, expected);
    const other = UpdateOpener.create(header, crypto.xWing.generate().secretKey, crypto);
    expect(await other?.open(1, await sealer.chunk(1))).to.equal(undefined);
  });

  it('has no opener when the encapsulated key is malformed', () => {
    const { sealer, expected, roundSecretKey } = setUp();
    const header = acceptedHeader(sealer, expected);
    header.encapsulated.fill(0);
    expect(UpdateOpener.create(header, roundSecretKey, crypto)).to.equal(undefined);
  });

  it('has no digest before every chunk has passed, and opens each once', async () => {
    const { sealer, opener } = setUp();
    expect(() => sealer.digest()).to.throw(InvariantFault);
    const sealed = await sealer.chunk(0);
    await opener.open(0, sealed);
    expect(() => opener.digest()).to.throw(InvariantFault);
    expect(await failureOf(opener.open(0, sealed))).to.be.instanceOf(InvariantFault);
  });

  it('neither seals nor opens after it was wiped', async () => {
    const { sealer, opener } = setUp();
    const sealed = await sealer.chunk(1);
    sealer.wipe();
    opener.wipe();
    expect(await failureOf(sealer.chunk(1))).to.be.instanceOf(InvariantFault);
    expect(await failureOf(opener.open(1, sealed))).to.be.instanceOf(InvariantFault);
  });

  it('refuses to seal to a malformed round key', () => {
    const { target, sender, content } = sampleRound();
    const bad = { ...target, roundKey: target.roundKey.subarray(1) };
    expect(() => new UpdateSealer(bad, sender, content, crypto)).to.throw(RangeError);
  });
});
