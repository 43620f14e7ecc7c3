import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import type { Expected, ExpectedVerdict, Recipe } from '#client/vectors/expected.ts';
import { judgeFiles, runRecipe } from '#client/vectors/run.ts';
import type { VectorConditions } from '#client/vectors/vector-platform.ts';
import { mintAmdCrl } from '#infra/emulator/sev-snp/hierarchy.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { CURRENT_MS, type TestChip, testChip } from '#test/fakes/tee/amd.ts';
import { AT_MS } from '#test/fakes/tee/emulator.ts';

const AT = timeText(AT_MS);

describe('a sample under a root of its own', () => {
  let chip: TestChip;
  let files: Map<string, Uint8Array>;
  before(async () => {
    chip = await testChip();
    const { ark, ask } = chip.hierarchy;
    const pem = [ask, ark].map(({ certificate }) => new X509Certificate(certificate).toString()).join('');
    files = new Map([
      ['report.bin', chip.report()],
      ['vcek.der', chip.chip.certificate],
      ['chain.pem', utf8(pem)],
      ['ark.der', ark.certificate],
      ['crl.der', chip.crl],
      ['spoilt.pem', utf8('no certificate')],
    ]);
  });

  async function codes(conditions: Partial<ExpectedVerdict>): Promise<readonly string[]> {
    const judgement = await judgeFiles(
      'amd-sev-snp/sample',
      files,
      { crl: 'crl.der', ...conditions },
      { atMs: AT_MS, crypto },
    );
    return judgement.reasons.map(({ code }) => code);
  }

  it('is accepted where its conditions name a file with it, in DER or PEM', async () => {
    expect(await codes({ trust_anchor: 'ark.der of this sample' })).to.deep.equal([]);
    expect(await codes({ trust_anchor: 'chain.pem of this sample' })).to.deep.equal([]);
  });

  it('is refused under the roots of vendors, and under a file that is no certificate', async () => {
    expect(await codes({})).to.include('CHAIN_UNTRUSTED_ROOT');
    expect(await codes({ trust_anchor: 'the production root' })).to.include('CHAIN_UNTRUSTED_ROOT');
    expect(await codes({ trust_anchor: 'spoilt.pem of this sample' })).to.include('CHAIN_UNTRUSTED_ROOT');
  });

  it('is that of its mutations as well, where its verdicts agree on it or the mutation names it', async () => {
    const recipe: Recipe = {
      id: 'one',
      base: 'amd-sev-snp/sample',
      at: AT,
      ops: [],
      why: 'a test',
      crl: 'crl.der',
      expect: 'accept',
      base_reasons: [],
      reasons_any_of: [],
    };
    const problem = async (trusted: readonly VectorConditions[], named: VectorConditions = {}) => {
      const verdicts = trusted.map((trust) => ({ at: AT, result: 'accept' as const, reasons: [], ...trust }));
      const expected: Expected = { platform: 'amd-sev-snp', sample: 'sample', files: {}, verdicts };
      const base = { id: 'amd-sev-snp/sample', expected, files };
      return (await runRecipe({ ...recipe, ...named }, base, () => new Uint8Array(0), crypto)).problem;
    };
    const own = { trust_anchor: 'ark.der of this sample' };
    expect(await problem([own, own])).to.equal(undefined);
    expect(await problem([own, {}]), 'they differ').to.include('CHAIN_UNTRUSTED_ROOT');
    expect(await problem([own, {}], own)).to.equal(undefined);
    expect(await problem([own], { trust_anchor: 'the production root' })).to.include('CHAIN_UNTRUSTED_ROOT');
  });

  it('is refused when that root has revoked a certificate below it', async () => {
    const { ark, ask } = chip.hierarchy;
    files.set('crl.der', mintAmdCrl(ark, { validMs: CURRENT_MS, revoked: [ask.serial] }));
    expect(await codes({ trust_anchor: 'ark.der of this sample' })).to.include('CERT_REVOKED');
  });
});
