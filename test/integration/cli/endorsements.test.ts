import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { encodeEvidenceFile } from '#client/evidence/evidence-file.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { DAY_MS, MEASUREMENT, type TestChip, testChip } from '#test/fakes/tee/amd.ts';
import { AT_MS } from '#test/fakes/tee/emulator.ts';
import { type IntelScene, intelScene } from '#test/unit/client/endorsements/intel.ts';
import { type InProcessRun, runInProcess } from './in-process.ts';
import { amdAnswers, intelAnswers, type VendorService, vendorService } from './vendor-service.ts';

const TCB = 'blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219';

describe('cloister endorsements', () => {
  let milan: TestChip;
  let intel: IntelScene;
  let folder = '';
  let services: VendorService[] = [];
  before(async () => {
    milan = await testChip('Milan');
    intel = await intelScene('TDX');
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-endorsements-'));
    services = [];
  });
  afterEach(async () => {
    await Promise.all(services.map((service) => service.close()));
    await rm(folder, { recursive: true });
  });

  const at = (name: string): string => join(folder, name);
  const cache = (): string => at('cache');
  const cli = (...args: readonly string[]): Promise<InProcessRun> => runInProcess(args, { nowMs: AT_MS });
  const chipId = (): string => toHex(milan.chip.hwId);

  async function serve(answers: Parameters<typeof vendorService>[0]): Promise<VendorService> {
    const service = await vendorService(answers);
    services.push(service);
    return service;
  }

  async function evidenceFile(evidence: Evidence): Promise<string> {
    await writeFile(at('evidence.json'), encodeEvidenceFile(evidence));
    return at('evidence.json');
  }

  const fetchMilan = (url: string, ...more: readonly string[]) =>
    cli(
      'endorsements',
      'fetch',
      '--platform',
      'amd-sev-snp',
      '--product',
      'milan',
      '--from',
      url,
      '--folder',
      cache(),
      ...more,
    );

  describe('fetch', () => {
    it("takes a chip's certificate, the authorities and the list from AMD's service", async () => {
      const service = await serve(amdAnswers(milan, `${chipId()}?${TCB}`));
      const run = await fetchMilan(service.url, '--chip-id', chipId().toUpperCase(), '--tcb', '4,0,24,219');
      expect(run.code, run.err).to.equal(0);
      expect(service.asked).to.have.members([...service.answers.keys()]);
      const files = await readdir(cache());
      expect(files).to.deep.equal([
        'amd-milan-ark.cert.der',
        'amd-milan-ask.cert.der',
        `amd-milan-vcek-${chipId().slice(0, 16)}-4-0-24-219.cert.der`,
        'ark-milan.crl.der',
      ]);
      expect(new Uint8Array(await readFile(join(cache(), 'ark-milan.crl.der')))).to.deep.equal(milan.crl);
    });

    it('takes the authorities alone for a product, and says that a VLEK is not published', async () => {
      const lent = await testChip('Genoa', { kind: 'VLEK' });
      const service = await serve(amdAnswers(lent, 'nothing'));
      const run = await cli(
        'endorsements',
        'fetch',
        '--platform',
        'amd-sev-snp',
        '--product',
        'Genoa',
        '--vlek',
        '--from',
        service.url,
        '--folder',
        cache(),
      );
      expect(run.code, run.err).to.equal(0);
      expect(run.err).to.include('The VLEK itself is not published');
      expect(service.asked).to.deep.equal(['/vlek/v1/Genoa/cert_chain', '/vlek/v1/Genoa/crl']);
      expect(await readdir(cache())).to.deep.equal([
        'amd-genoa-ark.cert.der',
        'amd-genoa-asvk.cert.der',
        'ark-genoa.crl.der',
      ]);
    });

    it('takes eight bytes of the chip and five versions for Turin', async () => {
      const turin = await testChip('Turin');
      const id = toHex(turin.chip.hwId);
      const query = `${id}?fmcSPL=1&blSPL=3&teeSPL=2&snpSPL=5&ucodeSPL=97`;
      const service = await serve(amdAnswers(turin, query));
      const ask = (chip: string) =>
        cli(
          'endorsements',
          'fetch',
          '--platform',
          'amd-sev-snp',
          '--product',
          'Turin',
          '--chip-id',
          chip,
          '--tcb',
          '1,3,2,5,97',
          '--from',
          service.url,
          '--folder',
          cache(),
        );
      for (const chip of [id, id.padEnd(128, '0')]) expect((await ask(chip)).code, chip).to.equal(0);
    });

    for (const form of ['der', 'hex'] as const) {
      it(`makes collateral of the answers of Intel's service, lists in ${form}`, async () => {
        const { bytes } = await intel.collateral();
        const options = { tee: 'tdx', query: 'fmspc=0e0e0e000000', ca: 'processor', form } as const;
        const service = await serve(prefixed('/below', intelAnswers(bytes, options)));
        const run = await cli(
          'endorsements',
          'fetch',
          '--platform',
          'intel-tdx',
          '--fmspc',
          '0E0E0E000000',
          '--ca',
          'processor',
          '--from',
          `${service.url}/below/`,
          '--folder',
          cache(),
        );
        expect(run.code, run.err).to.equal(0);
        expect(service.asked).to.have.members([...service.answers.keys()]);
        const stored = await readFile(join(cache(), 'intel-tdx-0e0e0e000000.intel-collateral.json'), 'utf8');
        expect(JSON.parse(stored)).to.deep.equal(JSON.parse(new TextDecoder().decode(bytes)));
      });
    }

    it('takes from evidence what it needs, so that it verifies under a policy without a network', async () => {
      const service = await serve(amdAnswers(milan, `${chipId()}?${TCB}`));
      const file = await evidenceFile({ platform: 'amd-sev-snp', document: milan.report(), endorsements: [] });
      await writeFile(at('policy.yaml'), policyFor(milan));
      const verify = (...more: readonly string[]) =>
        cli('evidence', 'verify', file, '--policy', at('policy.yaml'), ...more);
      const bare = await verify();
      expect(bare.code, bare.err).to.equal(3);
      expect(bare.out).to.include('ENDORSEMENT_MISSING');
      expect(
        (await cli('endorsements', 'fetch', '--for', file, '--from', service.url, '--folder', cache())).code,
      ).to.equal(0);
      const run = await verify('--endorsements', cache());
      expect(run.code, run.out).to.equal(0);
      expect(run.out).to.include('EMULATED').and.include('checked: ');
    });

    it('takes from a quote the family and the authority of its platform', async () => {
      const { bytes } = await intel.collateral();
      const options = { tee: 'tdx', query: 'fmspc=0e0e0e000000', ca: 'platform', form: 'der' } as const;
      const service = await serve(intelAnswers(bytes, options));
      const file = await evidenceFile(await intel.evidence());
      const run = await cli('endorsements', 'fetch', '--for', file, '--from', service.url, '--folder', cache());
      expect(run.code, run.err).to.equal(0);
      expect(run.out).to.match(/^current\t.*\tintel-tdx\tIntel collateral for TDX, FMSPC 0e0e0e000000\t/);
    });

    it('keeps nothing when an answer is missing, too long, or something else', async () => {
      const service = await serve(amdAnswers(milan, `${chipId()}?${TCB}`));
      const list = '/vcek/v1/Milan/crl';
      const wrong = [
        [{ status: 404 }, 2, 'knows no such thing'],
        [{ status: 429 }, 4, 'too many requests'],
        [{ status: 503 }, 4, 'status 503'],
        [{ status: 302, headers: { location: list } }, 4, 'status 302'],
        [{ body: 'no list' }, 4, 'something else than a crl'],
        [{ body: new Uint8Array(300 * 1024) }, 4, 'more than the'],
      ] as const;
      for (const [answer, code, text] of wrong) {
        service.answers.set(list, answer);
        const run = await fetchMilan(service.url);
        expect(run.code, text).to.equal(code);
        expect(run.err).to.include(text);
      }
      expect(await readdir(folder)).to.deep.equal([]);
    });

    it('keeps no collateral that is not whole', async () => {
      const { bytes } = await intel.collateral();
      const options = { tee: 'tdx', query: 'fmspc=0e0e0e000000', ca: 'platform', form: 'der' } as const;
      const whole = intelAnswers(bytes, options);
      const [tcb = '', identity = '', crl = '', root = ''] = Object.keys(whole);
      const bent = [
        [tcb, { ...whole[tcb], headers: {} }],
        [tcb, { ...whole[tcb], headers: { 'TCB-Info-Issuer-Chain': '%' } }],
        [tcb, { ...whole[tcb], body: '{"tcbInfo":{}}' }],
        [identity, { ...whole[identity], body: `${whole[identity]?.body}x` }],
        [identity, { ...whole[identity], body: whole[tcb]?.body ?? '' }],
        [crl, { ...whole[crl], headers: { 'SGX-PCK-CRL-Issuer-Chain': 'no chain' } }],
        [root, { body: 'zz' }],
      ] as const;
      for (const [path, answer] of bent) {
        const service = await serve({ ...whole, [path]: answer });
        const run = await cli(
          'endorsements',
          'fetch',
          '--platform',
          'intel-tdx',
          '--fmspc',
          '0e0e0e000000',
          '--from',
          service.url,
          '--folder',
          cache(),
        );
        expect(run.code, path).to.equal(4);
        expect(run.err).to.include('something else than');
      }
      expect(await readdir(folder)).to.deep.equal([]);
    });

    it('says that nobody answers', async () => {
      const service = await serve({});
      await service.close();
      services = [];
      const run = await fetchMilan(service.url);
      expect(run.code).to.equal(4);
      expect(run.err).to.include('error CONNECTION_LOST: no answer from http://127.0.0.1:');
    });

    for (const [args, text] of [
      [[], '--platform: is needed'],
      [['--platform', 'aws-nitro'], '--platform: found aws-nitro'],
      [['--platform', 'amd-sev-snp'], '--product: is needed'],
      [['--platform', 'amd-sev-snp', '--product', 'Rome'], '--product: found Rome'],
      [['--platform', 'amd-sev-snp', '--product', 'Milan', '--tcb', '1,2,3,4'], '--chip-id: is needed'],
      [
        ['--platform', 'amd-sev-snp', '--product', 'Milan', '--chip-id', 'ab'.repeat(8), '--tcb', '1,2,3,4'],
        '--chip-id: found',
      ],
      [['--platform', 'amd-sev-snp', '--product', 'Milan', '--chip-id', 'ab'.repeat(64)], '--tcb: is needed'],
      [
        ['--platform', 'amd-sev-snp', '--product', 'Milan', '--chip-id', 'ab'.repeat(64), '--tcb', '1,2,3,256'],
        '--tcb: found',
      ],
      [['--platform', 'amd-sev-snp', '--product', 'Milan', '--vlek', '--tcb', '1,2,3,4'], '--vlek takes neither'],
      [['--platform', 'intel-sgx'], '--fmspc: is needed'],
      [['--platform', 'intel-sgx', '--fmspc', 'xyz'], '--fmspc: found xyz'],
      [['--platform', 'intel-sgx', '--fmspc', '0'.repeat(12), '--ca', 'root'], '--ca: found root'],
      [['--platform', 'amd-sev-snp', '--product', 'Milan', '--from', 'file:///etc'], '--from: found file:///etc'],
    ] as const) {
      it(`asks nobody when it is told ${args.join(' ').slice(0, 70) || 'nothing'}`, async () => {
        const run = await cli('endorsements', 'fetch', '--folder', cache(), ...args);
        expect(run.code).to.equal(2);
        expect(run.err).to.include(`error CONFIG_INVALID: ${text}`);
      });
    }
  });

  describe('import and show', () => {
    beforeEach(async () => {
      await mkdir(at('files'));
      await writeFile(at('files/a.bin'), milan.chip.certificate);
      await writeFile(at('files/b.bin'), milan.crl);
      await writeFile(at('files/c.json'), (await intel.collateral(40)).bytes);
      await writeFile(at('files/notes.txt'), 'no endorsement');
      await writeFile(at('files/large.bin'), new Uint8Array(2 ** 20));
    });

    it('take what they know of a folder, and say what is stale now', async () => {
      const taken = await cli('endorsements', 'import', at('files'), '--folder', cache());
      expect(taken.code, taken.err).to.equal(0);
      expect(taken.err).to.include('passed over').and.include('notes.txt').and.include('large.bin');
      const shown = await cli('endorsements', 'show', '--folder', cache());
      expect(shown.out)
        .to.match(/^STALE\t2026-10-22T00:00:00Z\tintel-tdx\t/m)
        .and.include('1 stale');
      const json: unknown = JSON.parse((await cli('endorsements', 'show', '--folder', cache(), '--json')).out);
      expect(json).to.have.nested.property('endorsements.length', 3);
      expect(json).to.have.nested.property('at', '2026-11-01T00:00:00Z');
    });

    it('refuse a named file that is no endorsement, and take nothing then', async () => {
      for (const [file, text] of [
        ['notes.txt', 'is no endorsement'],
        ['large.bin', 'expected at most'],
        ['absent', 'there is no such file'],
      ] as const) {
        const run = await cli('endorsements', 'import', at('files/a.bin'), at(`files/${file}`), '--folder', cache());
        expect(run.code, file).to.equal(2);
        expect(run.err).to.include(text);
      }
      expect(await readdir(folder)).to.deep.equal(['files']);
    });

    it('say that a folder holds nothing to take, and make none', async () => {
      await mkdir(at('empty'));
      const run = await cli('endorsements', 'import', at('empty'), '--folder', cache());
      expect([run.code, run.err.includes('found no endorsement to import')]).to.deep.equal([2, true]);
      expect((await readdir(folder)).toSorted()).to.deep.equal(['empty', 'files']);
    });

    it('replace what was there, and leave no part of a file', async () => {
      for (const _ of [1, 2]) await cli('endorsements', 'import', at('files/b.bin'), '--folder', cache());
      expect(await readdir(cache())).to.deep.equal(['ark-milan.crl.der']);
    });

    it('say what cannot be read, and that there is nothing', async () => {
      await mkdir(cache());
      await writeFile(join(cache(), 'spoilt.crl.der'), 'spoilt');
      expect((await cli('endorsements', 'show', '--folder', cache())).out).to.match(/^UNREADABLE\t-\t-\t/);
      const none = await cli('endorsements', 'show', '--folder', at('absent'));
      expect([none.code, none.out]).to.deep.equal([0, `${at('absent')} holds no endorsements\n`]);
    });

    it("use the setting or the user's cache when no folder is named", async () => {
      const show = (environment: Readonly<Record<string, string>>) =>
        runInProcess(['endorsements', 'show'], { nowMs: AT_MS, environment });
      expect((await show({ HOME: folder })).out).to.include(at('.cache/cloister/endorsements'));
      expect((await show({ HOME: '/none', XDG_CACHE_HOME: at('xdg') })).out).to.include(
        at('xdg/cloister/endorsements'),
      );
      expect((await show({ HOME: '/none', CLOISTER_ENDORSEMENTS: cache() })).out).to.include(cache());
      expect((await show({})).err).to.include('name one with --folder');
    });
  });

  function policyFor({ hierarchy }: TestChip): string {
    const minimums = { 'tcb.bootloader': 4, 'tcb.tee': 0, 'tcb.snp': 24, 'tcb.microcode': 219 };
    const measurements = { MEASUREMENT: toHex(MEASUREMENT) };
    return JSON.stringify({
      enclaves: [{ name: 'guest', platform: 'amd-sev-snp', measurements, minimums }],
      roots: [{ name: 'emulated', platform: 'amd-sev-snp', sha256: hierarchy.sha256, emulated: true }],
      maximumAgeSeconds: DAY_MS / 1000,
    });
  }
});

/** The same answers below a path. */
function prefixed<T>(path: string, answers: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(answers).map(([name, answer]) => [`${path}${name}`, answer]));
}
