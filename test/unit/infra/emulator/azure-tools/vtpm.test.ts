import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ToolOutcome } from '#infra/emulator/azure-tools/server.ts';
import { VTPM_PROGRAMS, vtpmTools } from '#infra/emulator/azure-tools/vtpm.ts';
import { type EmulatedAk, emulatedAk } from '#infra/emulator/tpm/key.ts';
import { TpmRegisters } from '#infra/emulator/tpm/registers.ts';
import { parseQuote } from '#shared/attestation/tpm/attest.ts';
import { parseAttestationKey } from '#shared/attestation/tpm/key.ts';
import { verifyQuoteParts } from '#shared/attestation/tpm/quote.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

const REPORT = '0x01400001';
const USER_DATA = '0x01400002';
const QUOTE = ['-c', '0x81000003', '-l', 'sha256:0,11', '-q', 'aabb', '-m', 'message', '-s', 'signature', '-o', 'pcrs'];

describe('vtpmTools', () => {
  let folder: string;
  let ak: EmulatedAk;
  before(() => {
    ak = emulatedAk({ kind: 'p256' });
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Tools of a new vTPM whose HCL report is the user data. */
  function tools() {
    const perform = vtpmTools({ ak, registers: new TpmRegisters(), hclReport: async (userData) => userData });
    return (program: string, ...args: readonly string[]): Promise<ToolOutcome> => perform({ program, args, folder });
  }
  const file = async (name: string): Promise<Uint8Array> => new Uint8Array(await readFile(join(folder, name)));

  it('makes the report anew with what was written last, padded with zeros', async () => {
    const run = tools();
    await writeFile(join(folder, 'data'), 'ab');
    expect(await run('tpm2_nvwrite', '-C', 'o', '-i', 'data', USER_DATA)).to.include({ code: 0 });
    expect(await run('tpm2_nvread', '-C', 'o', '-o', 'report', REPORT)).to.include({ code: 0 });
    const wanted = new Uint8Array(64);
    wanted.set(Buffer.from('ab'));
    expect(await file('report')).to.deep.equal(wanted);
    expect((await run('tpm2_nvread', '-C', 'o', USER_DATA)).stdout).to.deep.equal(wanted);
  });

  it('quotes the registers by the attestation key, over the qualifying data', async () => {
    expect(await tools()('tpm2_quote', ...QUOTE, '-g', 'sha256', '-F', 'values')).to.include({ code: 0 });
    const [quote, signature] = [await file('message'), await file('signature')];
    const zero = new Uint8Array(32);
    const registers = new Map([
      [0, zero],
      [11, zero],
    ]);
    const parts = { quote, signature, pcrs: new Map([['sha256', registers] as const]) };
    const checked = await verifyQuoteParts(parts, parseAttestationKey(ak.spki), 'SIGNATURE_INVALID', nodeCrypto);
    expect(checked.reasons).to.deep.equal([]);
    expect(parseQuote(quote).extraData).to.deep.equal(Uint8Array.of(0xaa, 0xbb));
    expect(await file('pcrs')).to.deep.equal(new Uint8Array(64));
  });

  const replaced = (option: string, value: string): readonly string[] =>
    QUOTE.map((word, index) => (QUOTE[index - 1] === option ? value : word));
  const refused: Readonly<Record<string, readonly [program: string, ...args: readonly string[]]>> = {
    'to read an index that is not there': ['tpm2_nvread', '-C', 'o', '0x01500000'],
    'to describe an index that is not there': ['tpm2_nvreadpublic', '0x01500000'],
    'to write where it must not': ['tpm2_nvwrite', '-C', 'o', '-i', 'data', REPORT],
    'to write more than fits': ['tpm2_nvwrite', '-C', 'o', '-i', 'long', USER_DATA],
    'to write a file that is not there': ['tpm2_nvwrite', '-C', 'o', '-i', 'absent', USER_DATA],
    'an option that it does not know': ['tpm2_nvread', '--size', '4', REPORT],
    'a quote by another key': ['tpm2_quote', ...replaced('-c', '0x81000004')],
    'a quote of another bank': ['tpm2_quote', ...replaced('-l', 'sm3:0')],
    'a quote over no hexadecimal': ['tpm2_quote', ...replaced('-q', 'xyz')],
  };
  for (const [what, [program, ...args]] of Object.entries(refused)) {
    it(`refuses ${what}, with code 1 and the reason on stderr`, async () => {
      await writeFile(join(folder, 'data'), 'ab');
      await writeFile(join(folder, 'long'), 'a'.repeat(65));
      const { code, stderr } = await tools()(program, ...args);
      expect(code).to.equal(1);
      expect(stderr).to.match(/^ERROR: ./);
    });
  }

  it('describes the index of the report, as whoever looks for a confidential VM asks first', async () => {
    expect(VTPM_PROGRAMS).to.include('tpm2_nvreadpublic');
    expect(await tools()('tpm2_nvreadpublic', REPORT)).to.include({ code: 0 });
  });
});
