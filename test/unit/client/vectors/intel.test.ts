import { expect } from 'chai';
import type { ExpectedVerdict } from '#client/vectors/expected.ts';
import { judgeFiles } from '#client/vectors/run.ts';
import { pemOf } from '#infra/emulator/intel/pki.ts';
import type { QuoteContents, QuotingMachine } from '#infra/emulator/intel/quote.ts';
import { parseCollateralParts } from '#shared/attestation/dcap/collateral-json.ts';
import { concat, EMPTY, fromHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { type FakeIntel, fakeIntel, plainSgx, plainTd, quoteOf } from '#test/fakes/tee/intel.ts';

const COLLATERAL = 'collateral-2026-11-20.json';
const ROOT = 'root.pem of this sample';

const FORMS: readonly [tee: QuotingMachine['tee'], contents: QuoteContents][] = [
  ['SGX', { version: 3, report: plainSgx() }],
  ['SGX', { version: 4, report: plainSgx() }],
  ['SGX', { version: 5, report: plainSgx() }],
  ['TDX', { version: 4, report: plainTd() }],
  ['TDX', { version: 5, report: plainTd() }],
  ['TDX', { version: 5, report: plainTd({ teeTcbSvn2: Uint8Array.of(5, 1, 2) }) }],
];

describe("samples of Intel's platforms under a root of their own", () => {
  let fakes: Readonly<Record<QuotingMachine['tee'], FakeIntel>>;
  before(async () => {
    fakes = { SGX: await fakeIntel('SGX'), TDX: await fakeIntel('TDX') };
  });

  const filesOf = async (
    { machine, collateral }: FakeIntel,
    contents?: QuoteContents,
  ): Promise<Map<string, Uint8Array>> =>
    new Map([
      ['quote.bin', await quoteOf(machine, {}, contents)],
      [COLLATERAL, collateral.bytes],
      ['root.pem', utf8(pemOf(machine.pki.root))],
    ]);

  const codesUnder = async (
    tee: QuotingMachine['tee'],
    files: ReadonlyMap<string, Uint8Array>,
    conditions: Partial<ExpectedVerdict>,
  ): Promise<readonly string[]> => {
    const { reasons } = await judgeFiles(`intel-${tee.toLowerCase()}/one`, files, conditions, { atMs: NOW_MS, crypto });
    return reasons.map(({ code }) => code);
  };

  it('are accepted in every form of a quote, with the collateral of that root', async () => {
    for (const [tee, contents] of FORMS) {
      const files = await filesOf(fakes[tee], contents);
      const place = `${tee} version ${contents.version}, ${contents.report.length} bytes`;
      expect(await codesUnder(tee, files, { collateral: COLLATERAL, trust_anchor: ROOT }), place).to.deep.equal([]);
      expect(await codesUnder(tee, files, { collateral: COLLATERAL }), place).to.include('CHAIN_UNTRUSTED_ROOT');
    }
  });

  it('are refused with collateral under another root, and without any', async () => {
    const files = await filesOf(fakes.SGX);
    const foreign = await fakeIntel('SGX');
    files.set('foreign.json', foreign.collateral.bytes);
    const under = (collateral: string | null) => codesUnder('SGX', files, { collateral, trust_anchor: ROOT });
    expect(await under('foreign.json')).to.include('COLLATERAL_CHAIN_INVALID');
    expect(await under(null)).to.deep.equal(['COLLATERAL_MISSING']);
  });

  it('may keep the parts of their collateral apart, which count unless a verdict is to be without', async () => {
    const { machine, collateral } = fakes.SGX;
    const parts = parseCollateralParts(collateral.bytes);
    const signed = (name: string, body: string, signature: string) =>
      utf8(`{"${name}":${body},"signature":"${signature}"}`);
    const files = await filesOf(fakes.SGX);
    for (const [name, bytes] of Object.entries({
      'pckSignChain.pem': utf8(pemOf(machine.pki.authority, machine.pki.root)),
      'tcbSignChain.pem': utf8(parts.tcb_info_issuer_chain),
      'tcbInfo.json': signed('tcbInfo', parts.tcb_info, parts.tcb_info_signature),
      'qeIdentity.json': concat(signed('enclaveIdentity', parts.qe_identity, parts.qe_identity_signature), utf8('\n')),
      'rootCaCrl.der': fromHex(parts.root_ca_crl ?? '') ?? EMPTY,
      'intermediateCaCrl.der': fromHex(parts.pck_crl ?? '') ?? EMPTY,
    })) {
      files.set(name, bytes);
    }
    expect(await codesUnder('SGX', files, { trust_anchor: ROOT })).to.deep.equal([]);
    expect(await codesUnder('SGX', files, { trust_anchor: ROOT, collateral: null })).to.deep.equal([
      'COLLATERAL_MISSING',
    ]);
  });
});
