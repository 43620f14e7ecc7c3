import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCli } from '#client/cli/main.ts';
import { encodeEvidenceFile } from '#client/evidence/evidence-file.ts';
import { mintDocument } from '#infra/emulator/document.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { fakeStudy } from '#test/fakes/participant-study.ts';
import { contentsOf, type FakePlatform, fakePlatform, NOW_MS, policyFor } from '#test/fakes/tee/enclave.ts';
import { type InProcessRun, runInProcess } from './in-process.ts';
import { sampleAggregator } from './sample-aggregator.ts';

const REPORT_DATA = new Uint8Array(64).fill(3);
const NONCE = new Uint8Array(20).fill(4);
const NOW = '2026-11-20T12:00:00Z';
const UNTRUSTED = { at: NOW, result: 'reject', reasons: ['CHAIN_UNTRUSTED_ROOT'] };

describe('cloister evidence', () => {
  let folder = '';
  let platform: FakePlatform;
  let document: Uint8Array;
  const at = (name: string): string => join(folder, name);
  const cli = (...args: readonly string[]): Promise<InProcessRun> => runInProcess(args, { nowMs: NOW_MS });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-evidence-'));
    platform = await fakePlatform();
    document = await mintDocument(platform.chain, { ...contentsOf(platform, REPORT_DATA), nonce: NONCE });
    await writeFile(at('evidence.json'), encodeEvidenceFile({ platform: 'aws-nitro', document, endorsements: [] }));
    await writeFile(at('policy.yaml'), JSON.stringify(policyFor(platform)));
  });
  after(() => rm(folder, { recursive: true }));

  describe('show', () => {
    it('says what evidence contains, whoever made it, and that none of it is proved', async () => {
      const run = await cli('evidence', 'show', at('evidence.json'));
      expect(run.code, run.err).to.equal(0);
      expect(run.out)
        .to.include(`PCR0 ${toHex(platform.pcrs.get(0) ?? REPORT_DATA)}`)
        .and.include('None of it is proved');
      const json: unknown = JSON.parse((await cli('evidence', 'show', at('evidence.json'), '--json')).out);
      expect(json).to.deep.include({ platform: 'aws-nitro', proved: false, endorsements: [] });
      expect(json).to.have.nested.property('claims.eat_nonce', toHex(NONCE));
      expect(json).to.have.nested.property('reasons[0].code', 'CHAIN_UNTRUSTED_ROOT');
    });

    it('says what cannot be read', async () => {
      const evidence = { platform: 'aws-nitro', document: Uint8Array.of(0xff), endorsements: [] };
      await writeFile(at('spoilt.json'), encodeEvidenceFile(evidence));
      const run = await cli('evidence', 'show', at('spoilt.json'));
      expect(run.code).to.equal(0);
      expect(run.out).to.include('cannot be read: MALFORMED');
      await writeFile(at('foreign.json'), encodeEvidenceFile({ ...evidence, platform: 'of-the-future' }));
      const foreign = await cli('evidence', 'show', at('foreign.json'));
      expect(foreign.code).to.equal(3);
      expect(foreign.err).to.include('of no known platform: found "of-the-future", expected one of aws-nitro');
      await writeFile(at('text.json'), 'evidence');
      expect((await cli('evidence', 'show', at('text.json'))).err).to.include(
        'text.json: the evidence is malformed: it is not JSON',
      );
    });
  });

  describe('verify without a study', () => {
    const verify = (...more: readonly string[]) => cli('evidence', 'verify', at('evidence.json'), ...more);
    const policy = () => ['--policy', at('policy.yaml')];

    it('accepts what a policy names, in words and as a claims set', async () => {
      const run = await verify(...policy());
      expect(run.code, run.err).to.equal(0);
      expect(run.out).to.include('EMULATED').and.include('it may be a replay').and.include('"eat_profile"');
      const json: unknown = JSON.parse((await verify(...policy(), '--json')).out);
      expect(json).to.deep.include({ ok: true, emulated: true, reasons: [] });
      expect(json).to.have.nested.property('claims.dbgstat', 'disabled');
      expect(json).to.have.nested.property('explanation[0]').that.includes('EMULATED');
    });

    it('accepts the nonce and the report data that the evidence holds, and refuses others', async () => {
      const held = ['--nonce', toHex(NONCE), '--report-data', toHex(REPORT_DATA).toUpperCase()];
      expect((await verify(...policy(), ...held)).out).to.include('It holds the nonce and the report data');
      const run = await verify(...policy(), '--nonce', 'ab', '--report-data', 'cd', '--json');
      expect(run.code).to.equal(3);
      const json: { readonly reasons: readonly { readonly code: string }[] } = JSON.parse(run.out);
      expect(json.reasons.map(({ code }) => code)).to.deep.equal(['NONCE_MISMATCH', 'BINDING_MISMATCH']);
    });

    it('refuses without a policy, and under one that names nothing of it', async () => {
      const none = await verify();
      expect([none.code, none.out.includes('POLICY_MISSING')]).to.deep.equal([3, true]);
      const other = { ...policyFor(platform), roots: [] };
      await writeFile(at('other.yaml'), JSON.stringify(other));
      const run = await verify('--policy', at('other.yaml'), '--json');
      expect(run.code).to.equal(3);
      expect(JSON.parse(run.out)).to.deep.include({ ok: false, claims: null });
    });

    it('judges served evidence by the policies alone', async () => {
      const sample = await sampleAggregator();
      await writeFile(at('served.json'), sample.evidenceFile);
      const run = await cli('evidence', 'verify', at('served.json'), ...policy());
      expect(run.code).to.equal(3);
      expect(run.out).to.include('CHAIN_UNTRUSTED_ROOT');
    });

    it('says what to do where a policy is missing, and nothing of it under --quiet', async () => {
      expect((await verify()).err).to.include('Name a policy with --policy, or the study');
      expect((await verify('--quiet')).err).to.equal('');
    });

    it('judges evidence of a participant by what the manifest demands of it', async () => {
      const { study } = fakeStudy(platform, { demandsEvidence: true });
      await writeFile(at('study.yaml'), study.bytes);
      const [{ id } = { id: '' }] = study.participants;
      const run = await verify('--study', at('study.yaml'), '--participant', id);
      expect(run.code, run.out + run.err).to.equal(0);
      const [other] = policyFor(platform).enclaves;
      const wanted = { ...policyFor(platform), enclaves: [{ ...other, measurements: { PCR0: 'ab'.repeat(48) } }] };
      await writeFile(at('wanted.json'), JSON.stringify(wanted));
      const narrower = await verify('--study', at('study.yaml'), '--participant', id, '--policy', at('wanted.json'));
      expect(narrower.out).to.include('MEASUREMENT_MISMATCH');
    });

    it('is wrong use with a study, for evidence that nothing binds to it', async () => {
      const { study } = fakeStudy(platform);
      await writeFile(at('plain.yaml'), study.bytes);
      const [{ id } = { id: '' }] = study.participants;
      for (const [args, text] of [
        [[], 'no keys of an enclave'],
        [['--participant', 'nobody'], `--participant: found nobody, expected one of ${id}`],
        [['--participant', id], `the manifest demands no evidence of ${id}`],
      ] as const) {
        const run = await verify('--study', at('plain.yaml'), ...args);
        expect(run.code, run.out).to.equal(2);
        expect(run.err).to.include('error CONFIG_INVALID').and.include(text);
      }
    });

    for (const [what, args, text] of [
      ['no file', [], 'name an evidence file'],
      ['a nonce that is no hexadecimal', ['evidence.json', '--nonce', 'xyz'], '--nonce: found xyz'],
      ['a time that is none', ['evidence.json', '--at', 'soon'], '--at: found soon'],
      ['a time without its zone', ['evidence.json', '--at', '2026-11-20T12:00:00'], '--at: found 2026-11-20T12:00:00,'],
      ['a day that no month has', ['evidence.json', '--at', '2026-02-30T00:00:00Z'], '--at: found 2026-02-30'],
      ['a platform that the evidence states itself', ['evidence.json', '--platform', 'intel-tdx'], 'with --vector'],
      [
        'a folder of endorsements that is not there',
        ['evidence.json', '--endorsements', 'none'],
        'none cannot be read',
      ],
      ['a file that is not there', ['absent.json'], 'there is no such file'],
      [
        'a folder of endorsements that is a file',
        ['evidence.json', '--endorsements', 'evidence.json'],
        'cannot be read',
      ],
    ] as const) {
      it(`is wrong use with ${what}`, async () => {
        const run = await cli('evidence', 'verify', ...args.map((arg) => (arg.endsWith('.json') ? at(arg) : arg)));
        expect(run.code, run.err).to.equal(2);
        expect(run.err).to.include('error CONFIG_INVALID').and.include(text);
      });
    }
  });

  describe('verify --vector', () => {
    async function sample(path: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
      await mkdir(at(path), { recursive: true });
      for (const [name, content] of Object.entries(files)) await writeFile(join(at(path), name), content);
      return at(path);
    }
    const judge = async (...args: readonly string[]) => {
      const run = await cli('evidence', 'verify', '--json', '--vector', ...args);
      return { ...run, json: run.out === '' ? undefined : JSON.parse(run.out) };
    };

    it('gives verdict, reasons, claims and fields of a sample without expectations', async () => {
      const { code, json } = await judge(
        await sample('bare/aws-nitro/one', { 'evidence.cbor': document }),
        '--at',
        NOW,
      );
      expect(code).to.equal(3);
      expect(Object.keys(json)).to.deep.equal(['verdict', 'reasons', 'claims', 'fields']);
      expect(json.verdict).to.equal('reject');
      expect(json.reasons[0]).to.include({ code: 'CHAIN_UNTRUSTED_ROOT' }).and.have.property('detail');
      expect(json.claims).to.equal(null);
      expect(json.fields).to.include({ digest: 'SHA384', debug_mode: false });
    });

    it('takes the platform from expected.json, from --platform, or from the folder above', async () => {
      const outline = JSON.stringify({ platform: 'aws-nitro', files: {} });
      const stated = await sample('some/where', { 'evidence.cbor': document, 'expected.json': outline });
      expect((await judge(stated, '--at', NOW)).code).to.equal(3);
      const silent = await sample('some/other', { 'evidence.cbor': document });
      expect((await judge(silent, '--at', NOW, '--platform', 'aws-nitro')).code).to.equal(3);
      const unknown = await judge(silent, '--at', NOW);
      expect(unknown.code).to.equal(2);
      expect(unknown.err).to.include('name one with --platform');
    });

    it('judges at the time of the first verdict when none is stated', async () => {
      const expectations = JSON.stringify({ verdicts: [UNTRUSTED] });
      const files = { 'evidence.cbor': document, 'expected.json': expectations };
      const { json } = await judge(await sample('dated/aws-nitro/one', files));
      expect(json.reasons.map(({ code }: { readonly code: string }) => code)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
      const later = await judge(at('dated/aws-nitro/one'), '--at', '2027-11-20T12:00:00Z');
      expect(later.json.reasons.map(({ code }: { readonly code: string }) => code)).to.include('CERT_EXPIRED');
    });

    it('says in words what it says as JSON', async () => {
      const words = await sample('words/aws-nitro/one', { 'evidence.cbor': document });
      const run = await cli('evidence', 'verify', '--vector', words);
      expect(run.out).to.match(/^reject\nCHAIN_UNTRUSTED_ROOT: .+\nnull\n$/);
    });

    it('is wrong use on what is no sample', async () => {
      const empty = await sample('none/aws-nitro/one', {});
      expect((await judge(empty)).err).to.include('the sample has no file evidence.cbor');
      const spoilt = await sample('none/aws-nitro/two', { 'evidence.cbor': document, 'expected.json': '{' });
      expect((await judge(spoilt)).err).to.include('expected.json is not JSON');
      expect((await judge(at('nowhere'))).code).to.equal(2);
    });
  });

  describe('vectors', () => {
    async function collection(name: string, verdicts: readonly object[]): Promise<string> {
      const path = join(at(name), 'aws-nitro', 'one');
      await mkdir(path, { recursive: true });
      await writeFile(join(path, 'evidence.cbor'), document);
      const expected = { platform: 'aws-nitro', sample: 'one', files: {}, fields: { digest: 'SHA384' }, verdicts };
      await writeFile(join(path, 'expected.json'), JSON.stringify(expected));
      return at(name);
    }

    it('prints a table by platform, and exits with 0 when all agree', async () => {
      const run = await cli('evidence', 'vectors', await collection('agrees', [UNTRUSTED, UNTRUSTED]));
      expect(run.code, run.out).to.equal(0);
      expect(run.out).to.equal('aws-nitro\t1\t2\t0\t0\t1\t3\t0\nall\t1\t2\t0\t0\t1\t3\t0\nAll agree.\n');
      expect(run.err).to.equal('');
    });

    it('names each disagreement with what is expected and found, and exits with 1', async () => {
      const path = await collection('disagrees', [{ at: NOW, result: 'accept', reasons: [] }, UNTRUSTED]);
      const run = await cli('evidence', 'vectors', path);
      expect(run.code).to.equal(1);
      expect(run.out).to.include(`DISAGREES: aws-nitro/one (verdict, at ${NOW})\n  expected accept\n  found    reject`);
      expect(run.out).to.include('1 of 3 disagree.');
      const json: unknown = JSON.parse((await cli('evidence', 'vectors', path, '--json')).out);
      expect(json).to.have.property('ok', false);
      expect(json).to.have.nested.property('disagreements.length', 1);
      expect(json).to.have.nested.property('platforms[0].agree', 2);
    });

    it('does not pass over a platform that it cannot read', async () => {
      const path = await collection('foreign', [UNTRUSTED]);
      await mkdir(join(path, 'sun-sparc/one'), { recursive: true });
      await writeFile(join(path, 'sun-sparc/one/expected.json'), '{}');
      const run = await cli('evidence', 'vectors', path);
      expect(run.code).to.equal(1);
      expect(run.out).to.include('NOT READ: sun-sparc');
      expect((await cli('evidence', 'vectors', path, '--platform', 'aws-nitro')).code).to.equal(0);
    });

    it('says on a terminal how far it is', async () => {
      const path = await collection('watched', [UNTRUSTED]);
      const run = await runInProcess(['evidence', 'vectors', path], { nowMs: NOW_MS, terminal: true });
      expect(run.err).to.include('1 of 1: aws-nitro');
    });

    it('ends in the middle of a collection when it is interrupted', async () => {
      const path = await collection(
        'interrupted',
        Array.from({ length: 50 }, () => UNTRUSTED),
      );
      const interrupt = new AbortController();
      let out = '';
      const write = (text: string): void => {
        out += text;
      };
      // Comes as a signal does: through the event loop, once the run has begun.
      const begun = { isTTY: true, write: () => setImmediate(() => interrupt.abort()) };
      const code = await runCli(['evidence', 'vectors', path], {
        stdout: { write },
        stderr: begun,
        environment: {},
        crypto: nodeCrypto,
        nowMs: () => NOW_MS,
        signal: interrupt.signal,
      });
      expect([code, out]).to.deep.equal([130, '']);
    });

    it('is wrong use on a folder without samples', async () => {
      await mkdir(at('empty'), { recursive: true });
      for (const path of [at('empty'), at('absent')]) expect((await cli('evidence', 'vectors', path)).code).to.equal(2);
      const path = await collection('of-one', [UNTRUSTED]);
      const other = await cli('evidence', 'vectors', path, '--platform', 'sgx');
      expect([other.code, other.err.includes('holds no samples of sgx')]).to.deep.equal([2, true]);
    });
  });
});
