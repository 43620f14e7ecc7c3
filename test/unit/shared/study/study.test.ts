import { expect } from 'chai';
import fc from 'fast-check';
import { toBase64 } from '#shared/bytes/base64.ts';
import { concat, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { floatBytes } from '#shared/model/parameters.ts';
import { initialParameters } from '#shared/study/initial.ts';
import { problemWords } from '#shared/study/problem.ts';
import { inspectStudy, readStudy } from '#shared/study/study.ts';
import { changed, LINES, manifestBytes, participants } from './sample-manifest.ts';

function problems(bytes: Uint8Array): readonly string[] {
  const reading = inspectStudy(bytes, nodeCrypto);
  return reading.kind === 'problems' ? reading.problems.map(problemWords) : [];
}

function warnings(bytes: Uint8Array): readonly string[] {
  const reading = inspectStudy(bytes, nodeCrypto);
  return reading.kind === 'study' ? reading.warnings.map(problemWords) : ['not a study'];
}

const mary = toBase64(participants[0]?.identity.publicKey ?? new Uint8Array());
const john = toBase64(participants[1]?.identity.publicKey ?? new Uint8Array());
const johnRelease = toBase64(participants[1]?.release.publicKey ?? new Uint8Array());
const maryRelease = toBase64(participants[0]?.release.publicKey ?? new Uint8Array());
const floats = (...values: readonly number[]) => toBase64(floatBytes(Float32Array.from(values)));

/** What is changed in the sample, and the whole list of problems that must come of it. */
const REFUSED: readonly (readonly [string, string, string, string])[] = [
  ['an unknown version', 'cloister: 1', 'cloister: 2', 'cloister (line 1): found 2, expected 1'],
  [
    'a study name in capitals',
    'study: breast-cancer',
    'study: Breast',
    'study (line 2): found "Breast", expected short name of the study (^[a-z0-9-]{1,48}$)',
  ],
  ['a missing key', 'title: Breast cancer\n', '', 'title (line 1): is missing, expected text of 1 to 200 characters'],
  [
    'an unknown key',
    '  gatherSeconds: 10',
    '  gatherSeconds: 10\n  gather: 1',
    'rounds.gather (line 25): unknown key, expected count, quorum, cohort, deadlineSeconds or gatherSeconds',
  ],
  [
    'a quorum above the participants',
    'quorum: 2',
    'quorum: 9',
    'rounds.quorum (line 21): found 9, expected at most the number of participants, 4',
  ],
  [
    'a quorum above the cohort',
    'quorum: 2\n  cohort: all',
    'quorum: 3\n  cohort: 2',
    'rounds.quorum (line 21): found 3, expected at most the size of the cohort, 2',
  ],
  [
    'a cohort above the participants',
    'cohort: all',
    'cohort: 5',
    'rounds.cohort (line 22): found 5, expected at most the number of participants, 4',
  ],
  ['a quorum of 0', 'quorum: 2', 'quorum: 0', 'rounds.quorum (line 21): found 0, expected an integer from 1 to 512'],
  [
    'a quorum with a fraction',
    'quorum: 2',
    'quorum: 1.5',
    'rounds.quorum (line 21): found 1.5, expected an integer from 1 to 512',
  ],
  [
    'a cohort that is a word',
    'cohort: all',
    'cohort: most',
    'rounds.cohort (line 22): found "most", expected all or an integer from 1 to 512',
  ],
  [
    'a model of an unknown kind',
    'kind: tensors',
    'kind: graph',
    'model.kind (line 6): found "graph", expected tensors or layers',
  ],
  [
    'a dimension of 0 deep in a union',
    'shape: [3, 1]',
    'shape: [3, 0]',
    'model.tensors[0].shape[1] (line 8): found 0, expected an integer from 1 to 268435456',
  ],
  ['two tensors of one name', 'name: bias', 'name: weight', 'model.tensors[1] (line 9): the name weight appears twice'],
  [
    'more parameters than a model may have',
    'shape: [3, 1]',
    'shape: [65536, 65536]',
    'model.tensors (line 7): found 4294967297 parameters in total, expected at most 268435456',
  ],
  [
    'inline weights of another size',
    'initial: zeros',
    `initial: { inline: ${floats(1, 2, 3)} }`,
    'model.initial (line 10): inline: found 12 bytes, expected 16, the size of the model',
  ],
  [
    'inline weights that are not finite',
    'initial: zeros',
    `initial: { inline: ${floats(1, 2, 3, Number.NaN)} }`,
    'model.initial (line 10): inline: found NaN or an infinity, expected finite values',
  ],
  [
    'a digest that is too short',
    'initial: zeros',
    'initial: { sha256: abcd }',
    'model.initial.sha256 (line 10): found "abcd", expected text that matches ^[0-9a-f]{64}$',
  ],
  [
    'two participants of one id',
    'id: john',
    'id: mary',
    'participants[1].id (line 14): mary is the id of another participant too',
  ],
  [
    'an identity key used twice',
    john,
    mary,
    'participants[1].identityKey (line 14): is the key of another party too; each party has keys of its own',
  ],
  [
    'a release key used twice',
    johnRelease,
    maryRelease,
    'participants[1].releaseKey (line 14): is the key of another party too; each party has keys of its own',
  ],
  [
    'a key in base64 that is not canonical',
    mary,
    `${mary.slice(0, 42)}${mary[42] === 'B' ? 'C' : 'B'}=`,
    'participants[0].identityKey (line 13): is not canonical base64; copy the key as `cloister keygen` printed it',
  ],
  [
    'an identity key of small order',
    mary,
    toBase64(new Uint8Array(32)),
    'participants[0].identityKey (line 13): is not a usable Ed25519 public key; make one with `cloister keygen`',
  ],
  [
    'a release key that no key can be encapsulated to',
    maryRelease,
    toBase64(new Uint8Array(1216).fill(255)),
    'participants[0].releaseKey (line 13): is not a usable X-Wing public key; make one with `cloister keygen`',
  ],
  [
    'a minimum above the maximum',
    'minimum: 1,',
    'minimum: 1001,',
    'aggregation.examples.minimum (line 28): found 1001, expected at most the maximum, 1000',
  ],
  ['a metric named twice', '[loss, accuracy]', '[loss, loss]', 'aggregation.metrics[1] (line 29): loss appears twice'],
  [
    'an unknown weighting',
    'kind: examples,',
    'kind: trust,',
    'aggregation.weighting.kind (line 27): found "trust", expected examples or uniform',
  ],
  [
    'privacy that nobody acknowledges',
    ', acknowledgedBy: Ethics board',
    '',
    'privacy.acknowledgedBy (line 30): is missing, expected text of 1 to 200 characters',
  ],
  [
    'a recipient who does not exist',
    'recipients: participants',
    'recipients: [mary, mark]',
    'release.recipients[1] (line 31): mark is not a participant; give the release key of others under release.extra',
  ],
  [
    'no recipient at all',
    'recipients: participants',
    'recipients: []',
    'release.recipients (line 31): nobody would receive a release; name at least one',
  ],
  [
    'a measurement of the wrong length',
    'a'.repeat(96),
    'a'.repeat(64),
    'enclaves[0].measurements.PCR0 (line 18): found 64 characters, expected 96 of lower-case hex',
  ],
  [
    'a training setting that is not a number',
    'epochs: 1,',
    'epochs: .nan,',
    'training.epochs (line 11): found NaN, expected an integer from 1 to 10000',
  ],
];

const NOT_PLAIN: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['an anchor', changed('name: Team', 'name: &x Team'), /\(line 4\): anchors are not allowed/],
  ['an alias', changed('title: Breast cancer', 'title: &x Breast\nalias: *x'), /\(line 4\): aliases are not allowed/],
  ['a tag', changed('title: Breast', 'title: !!str Breast'), /\(line 3\): tags are not allowed/],
  ['a custom tag', changed('title: Breast', 'title: !mine Breast'), /\(line 3\)/],
  ['a merge key', changed('rounds:', 'rounds:\n  <<: { count: 3 }'), /\(line 20\): the key << is not allowed/],
  ['a prototype key', changed('title:', '__proto__: { a: 1 }\ntitle:'), /\(line 3\): the key __proto__ is not allowed/],
  [
    'a doubled key',
    changed('quorum: 2', 'quorum: 2\n  quorum: 3'),
    /\(line 22\): not valid YAML: Map keys must be unique/,
  ],
  ['a second document', manifestBytes((text) => `${text}---\n${text}`), /multiple documents/],
  ['a directive', manifestBytes((text) => `%YAML 1.1\n---\n${text}`), /found a %YAML directive/],
  ['bytes that are not UTF-8', concat(manifestBytes(), Uint8Array.of(0xff)), /expected UTF-8 text/],
  ['more than 1 MiB', manifestBytes((text) => `${text}#${'x'.repeat(2 ** 20)}`), /expected at most 1048576/],
  ['nothing', utf8(''), /found nothing, expected a map/],
  ['a list', utf8('- 1'), /found a list of 1, expected a map/],
  [
    'nesting of 100 levels',
    changed('title: Breast cancer', `title: ${'['.repeat(100)}${']'.repeat(100)}`),
    /more than 64 levels/,
  ],
  ['nesting of 100,000 levels', utf8('['.repeat(100_000)), /open brackets/],
];

describe('study', () => {
  it('reads a valid manifest and decodes all of it once', () => {
    const study = readStudy(manifestBytes(), nodeCrypto);
    expect(study.layout.parameterCount).to.equal(4);
    expect(study.cohort).to.equal(4);
    expect(study.recipients.map(({ id }) => id)).to.deep.equal(['mary', 'john', 'anne', 'luke']);
    expect(study.participants[0]?.identityKey).to.deep.equal(participants[0]?.identity.publicKey);
    expect(study.participants[3]?.releaseKey).to.deep.equal(participants[3]?.release.publicKey);
    expect(toHex(study.digest)).to.equal(toHex(nodeCrypto.digest('sha256', manifestBytes())));
    expect(warnings(manifestBytes())).to.deep.equal([]);
  });

  for (const [what, from, to, expected] of REFUSED) {
    it(`refuses ${what} and says where`, () => {
      expect(problems(changed(from, to))).to.deep.equal([expected]);
    });
  }

  for (const [what, bytes, expected] of NOT_PLAIN) {
    it(`refuses ${what}`, () => {
      const found = problems(bytes);
      expect(found.length).to.be.above(0);
      expect(found.join('\n')).to.match(expected);
    });
  }

  it('lists all problems at once, each with its own line', () => {
    const bytes = manifestBytes((text) =>
      text
        .replace('cloister: 1', 'cloister: 3')
        .replace('count: 3', 'count: none')
        .replace('rule: mean', 'rule: median'),
    );
    expect(problems(bytes)).to.deep.equal([
      'cloister (line 1): found 3, expected 1',
      'rounds.count (line 20): found "none", expected an integer from 1 to 100000',
      'aggregation.rule (line 26): found "median", expected mean',
    ]);
  });

  it('gives the column of a bad value', () => {
    const reading = inspectStudy(changed('quorum: 2', 'quorum: 9'), nodeCrypto);
    expect(reading.kind === 'problems' ? reading.problems[0]?.column : 0).to.equal(11);
  });

  it('throws one fault with every problem in it', () => {
    expect(() => readStudy(changed('quorum: 2', 'quorum: 9'), nodeCrypto))
      .to.throw(Fault, /rounds\.quorum \(line 21\)/)
      .with.property('code', 'MANIFEST_INVALID');
  });

  it('warns of a quorum of 1, of debug mode, of an emulated root and of a participant without releases', () => {
    const root = `roots: [{ name: lab, platform: aws-nitro, sha256: ${'b'.repeat(64)}, emulated: true }]\n`;
    const bytes = manifestBytes((text) =>
      `${text}${root}debug: allow\n`
        .replace('quorum: 2', 'quorum: 1')
        .replace('recipients: participants', 'recipients: [mary, john, anne]'),
    );
    expect(warnings(bytes).map((warning) => warning.split(':')[0])).to.deep.equal([
      'rounds.quorum (line 21)',
      'debug (line 33)',
      'roots[0] (line 32)',
      'release.recipients (line 31)',
    ]);
  });

  it('warns of what the evidence of a participant may lack', () => {
    const server = `{ name: server, platform: tpm-quote, measurements: { PCR4: ${'c'.repeat(64)} } }`;
    const root = `{ kind: key, name: lab, platform: tpm-quote, sha256: ${'b'.repeat(64)}, emulated: true }`;
    const evidence = `{ enclaves: [${server}], roots: [${root}], debug: allow }`;
    const bytes = manifestBytes((text) => text.replace(/(id: john, .*) \}/, `$1, evidence: ${evidence} }`));
    expect(warnings(bytes).map((warning) => warning.split(':')[0])).to.deep.equal([
      'participants[1].evidence.debug (line 14)',
      'participants[1].evidence.roots[0] (line 14)',
    ]);
  });

  it('changes its digest with any byte, whether or not the meaning changes', () => {
    const bytes = manifestBytes();
    const digest = toHex(nodeCrypto.digest('sha256', bytes));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (index, flip) => {
        const other = bytes.slice();
        other[index] = (other[index] ?? 0) ^ flip;
        const reading = inspectStudy(other, nodeCrypto);
        if (reading.kind === 'study') expect(toHex(reading.study.digest)).to.not.equal(digest);
      }),
      { numRuns: 150 },
    );
    const commented = readStudy(
      manifestBytes((text) => `${text}# more\n`),
      nodeCrypto,
    );
    expect(toHex(commented.digest)).to.not.equal(digest);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(inspectStudy(utf8(text), nodeCrypto).kind).to.equal('problems');
      }),
    );
    fc.assert(
      fc.property(fc.nat(LINES.length - 1), fc.string({ maxLength: 40 }), (index, line) => {
        const reading = inspectStudy(utf8(LINES.with(index, line).join('\n')), nodeCrypto);
        expect(reading.kind).to.be.oneOf(['problems', 'study']);
      }),
      { numRuns: 150 },
    );
  });
});

describe('initial weights', () => {
  it('are zeros, those in the manifest, or those of the given digest', () => {
    const zeros = initialParameters(readStudy(manifestBytes(), nodeCrypto), nodeCrypto);
    expect([...zeros.values]).to.deep.equal([0, 0, 0, 0]);
    const inline = changed('initial: zeros', `initial: { inline: ${floats(1, 2, 3, 4)} }`);
    expect([...initialParameters(readStudy(inline, nodeCrypto), nodeCrypto).values]).to.deep.equal([1, 2, 3, 4]);
    const given = floatBytes(Float32Array.of(4, 3, 2, 1));
    const named = changed('initial: zeros', `initial: { sha256: ${toHex(nodeCrypto.digest('sha256', given))} }`);
    const study = readStudy(named, nodeCrypto);
    expect([...initialParameters(study, nodeCrypto, given).values]).to.deep.equal([4, 3, 2, 1]);
    expect(() => initialParameters(study, nodeCrypto)).to.throw(Fault, /give the file/);
    expect(() => initialParameters(study, nodeCrypto, given.with(0, 1))).to.throw(
      Fault,
      /not those that the manifest names/,
    );
  });
});
