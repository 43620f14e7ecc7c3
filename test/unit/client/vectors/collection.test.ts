import { expect } from 'chai';
import { collectionOf, runCollection } from '#client/vectors/collection.ts';
import type { Outcome } from '#client/vectors/run.ts';
import type { VectorFiles } from '#client/vectors/vector-platform.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { AT_MS, testDevice } from '#test/fakes/tee/emulator.ts';

const AT = new Date(AT_MS).toISOString().replace('.000', '');

function json(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

function expected(sample: string, verdicts: readonly object[], fields?: object): Uint8Array {
  return json({ platform: 'aws-nitro', sample, files: {}, verdicts, ...(fields === undefined ? {} : { fields }) });
}

function recipe(id: string, base: string, ops: readonly object[], reasons_any_of: readonly string[]): object {
  return { id, base, at: AT, ops, expect: 'reject', base_reasons: [], reasons_any_of, why: 'a test' };
}

async function outcomes(files: VectorFiles): Promise<readonly Outcome[]> {
  const all: Outcome[] = [];
  for await (const outcome of runCollection(collectionOf(files), nodeCrypto)) all.push(outcome);
  return all;
}

describe('a collection of test vectors', () => {
  let files: Map<string, Uint8Array>;
  const untrusted = { at: AT, result: 'reject', reasons: ['CHAIN_UNTRUSTED_ROOT'] };
  before(async () => {
    const document = await (await testDevice()).mint();
    files = new Map([
      ['aws-nitro/good/evidence.cbor', document],
      ['aws-nitro/good/expected.json', expected('good', [untrusted], { digest: 'SHA384' })],
      ['aws-nitro/bad/evidence.cbor', document],
      ['aws-nitro/bad/expected.json', expected('bad', [{ at: AT, result: 'accept', reasons: [] }], { digest: 'MD5' })],
      ['trust-anchors/root.pem', utf8('no sample')],
      ['README.md', utf8('no sample')],
      [
        'mutations.json',
        json({
          recipes: [
            recipe('cut', 'aws-nitro/good', [{ op: 'truncate', file: 'evidence.cbor', length: 9 }], ['MALFORMED']),
            recipe('gone', 'aws-nitro/good', [{ op: 'replace_file', file: 'evidence.cbor', from: 'nowhere' }], []),
            recipe('other', 'intel-tdx/absent', [], []),
          ],
        }),
      ],
    ]);
  });

  it('is made of the folders that say what is expected of them', () => {
    const { samples, recipes, unread } = collectionOf(files);
    expect(samples.map(({ id }) => id)).to.deep.equal(['aws-nitro/bad', 'aws-nitro/good']);
    expect(recipes.map(({ id }) => id)).to.deep.equal(['cut', 'gone']);
    expect(unread).to.deep.equal([]);
    expect([...(samples[0]?.files.keys() ?? [])]).to.deep.equal(['evidence.cbor', 'expected.json']);
  });

  it('can be one platform of several, and names the folders that nobody reads', () => {
    const more = new Map([...files, ['sun-sparc/one/expected.json', expected('one', [])]]);
    expect(collectionOf(more).unread).to.deep.equal(['sun-sparc']);
    expect(collectionOf(more, 'aws-nitro').unread).to.deep.equal([]);
    expect(collectionOf(more, 'intel-tdx').samples).to.deep.equal([]);
  });

  it('gives an outcome for every field list, verdict and recipe, and says what disagrees', async () => {
    const all = await outcomes(files);
    expect(all.map(({ id, kind, problem }) => [id, kind, problem === undefined])).to.deep.equal([
      ['aws-nitro/bad', 'fields', false],
      ['aws-nitro/bad', 'verdict', false],
      ['aws-nitro/good', 'fields', true],
      ['aws-nitro/good', 'verdict', true],
      ['cut', 'mutation', true],
      ['gone', 'mutation', false],
    ]);
    expect(all.at(-1)?.problem).to.equal('the sample has no file nowhere');
  });

  it('goes on after a sample that cannot be run', async () => {
    const broken = new Map([...files].filter(([path]) => path !== 'aws-nitro/bad/evidence.cbor'));
    const all = await outcomes(broken);
    expect(all[0]).to.include({ id: 'aws-nitro/bad', found: 'does not' });
    expect(all.filter(({ id }) => id === 'aws-nitro/good')).to.have.length(2);
  });

  it('is refused where its expectations cannot be read', () => {
    for (const text of ['', '{', '[]', '{"platform":"aws-nitro"}']) {
      const spoilt = new Map([...files, ['aws-nitro/good/expected.json', utf8(text)]]);
      expect(() => collectionOf(spoilt), text)
        .to.throw()
        .with.property('code', 'CONFIG_INVALID');
    }
  });
});
