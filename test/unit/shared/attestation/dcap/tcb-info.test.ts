import { expect } from 'chai';
import { PLAIN_PLATFORM } from '#infra/emulator/intel/quote.ts';
import { sgxTcbInfo, sgxTcbInfo2, tdxTcbInfo } from '#infra/emulator/intel/tcb.ts';
import { parseTcbInfo } from '#shared/attestation/dcap/tcb-info.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';

const ISSUED = {
  validMs: [Date.parse('2026-01-01T00:00:00Z'), Date.parse('2026-01-31T00:00:00Z')],
  evaluationNumber: 18,
} as const;
const [sgx2, sgx3, tdx3] = [sgxTcbInfo2(ISSUED), sgxTcbInfo(ISSUED), tdxTcbInfo(ISSUED)];
const parse = (json: unknown) => parseTcbInfo(JSON.stringify(json));

describe('TCB info', () => {
  it('of version 2 says the same as of version 3', () => {
    const [two, three] = [parse(sgx2), parse(sgx3)];
    expect({ ...two, version: 3 }).to.deep.equal(three);
    expect([two.version, two.tee, two.tdx]).to.deep.equal([2, 'SGX', undefined]);
    expect([two.issuedMs, two.nextUpdateMs, two.evaluationNumber]).to.deep.equal([...ISSUED.validMs, 18]);
    expect([two.fmspc, two.pceId]).to.deep.equal([PLAIN_PLATFORM.fmspc, PLAIN_PLATFORM.pceId]);
    expect(two.levels.map(({ status, advisories }) => [status, ...advisories])).to.deep.equal([
      ['UpToDate'],
      ['OutOfDate', 'INTEL-SA-00837'],
    ]);
    expect(two.levels[0]).to.deep.include({ sgxSvns: PLAIN_PLATFORM.components, pceSvn: 13, tdxSvns: [] });
  });

  it('of version 2 is read by the names of its components, not by their order', () => {
    const [level] = sgx2.tcbLevels;
    const reversed = Object.fromEntries(Object.entries(level?.tcb ?? {}).toReversed());
    expect(parse({ ...sgx2, tcbLevels: [{ ...level, tcb: reversed }] }).levels[0]?.sgxSvns).to.deep.equal(
      PLAIN_PLATFORM.components,
    );
  });

  it('of TDX names components and modules', () => {
    const { tee, tdx, levels } = parse(tdx3);
    expect([tee, levels[0]?.tdxSvns]).to.deep.equal(['TDX', [5, 0, 2, ...Array(13).fill(0)]]);
    expect(tdx?.identities.map(({ id }) => id)).to.deep.equal(['TDX_03', 'TDX_01']);
    expect(tdx?.first).to.deep.equal({
      mrSigner: new Uint8Array(48),
      attributes: new Uint8Array(8),
      attributesMask: new Uint8Array(8).fill(0xff),
    });
  });

  it('of TDX may come without identities', () => {
    const { tdxModuleIdentities: _, ...without } = tdx3;
    expect(parse(without).tdx?.identities).to.deep.equal([]);
  });

  it('may say more than is known', () => {
    const tcbLevels = tdx3.tcbLevels.map((level) => ({ ...level, note: 1, tcb: { ...level.tcb, note: 2 } }));
    expect(parse({ ...tdx3, note: 3, tcbLevels }).levels).to.have.lengthOf(2);
  });

  const [level2] = sgx2.tcbLevels;
  const [level3] = tdx3.tcbLevels;
  const fifteen = { ...level2?.tcb, sgxtcbcomp16svn: undefined };
  const tcb = level3?.tcb;
  const bad: Readonly<Record<string, unknown>> = {
    'version 1': { ...sgx2, version: 1 },
    'version 4': { ...sgx3, version: 4 },
    'version 2 of TDX': { ...sgx2, id: 'TDX' },
    'version 3 without a kind of TEE': { ...sgx3, id: undefined },
    'another kind of TEE': { ...sgx3, id: 'SEV' },
    'levels that are compared in another way': { ...sgx3, tcbType: 1 },
    'no levels': { ...sgx3, tcbLevels: [] },
    'a status that is none': { ...sgx3, tcbLevels: [{ ...sgx3.tcbLevels[0], tcbStatus: 'Fine' }] },
    'a status that only we give': { ...sgx3, tcbLevels: [{ ...sgx3.tcbLevels[0], tcbStatus: 'NotSupported' }] },
    'fifteen components': { ...sgx2, tcbLevels: [{ ...level2, tcb: fifteen }] },
    'fifteen components in version 3': {
      ...tdx3,
      tcbLevels: [{ ...level3, tcb: { ...tcb, sgxtcbcomponents: tcb?.sgxtcbcomponents.slice(1) } }],
    },
    'seventeen components of TDX': {
      ...tdx3,
      tcbLevels: [{ ...level3, tcb: { ...tcb, tdxtcbcomponents: [{ svn: 0 }, ...(tcb?.tdxtcbcomponents ?? [])] } }],
    },
    'no components of TDX': { ...tdx3, tcbLevels: sgx3.tcbLevels },
    'a component above 255': { ...sgx2, tcbLevels: [{ ...level2, tcb: { ...level2?.tcb, sgxtcbcomp01svn: 256 } }] },
    'a component between two numbers': {
      ...sgx2,
      tcbLevels: [{ ...level2, tcb: { ...level2?.tcb, sgxtcbcomp01svn: 1.5 } }],
    },
    'TDX without a module': { ...tdx3, tdxModule: undefined },
    'a module status that is none of a module': {
      ...tdx3,
      tdxModuleIdentities: [
        {
          ...tdx3.tdxModuleIdentities?.[0],
          tcbLevels: [{ ...level3, tcb: { isvsvn: 1 }, tcbStatus: 'ConfigurationNeeded' }],
        },
      ],
    },
    'a module identity without levels': {
      ...tdx3,
      tdxModuleIdentities: [{ ...tdx3.tdxModuleIdentities?.[0], tcbLevels: [] }],
    },
    'a module identity that is none': {
      ...tdx3,
      tdxModuleIdentities: [{ ...tdx3.tdxModuleIdentities?.[0], id: 'TDX_001' }],
    },
    'an FMSPC of five bytes': { ...sgx3, fmspc: '0011223344' },
    'a time that no calendar has': { ...sgx3, issueDate: '2026-13-01T00:00:00Z' },
    'a QE identity': { ...sgx3, id: 'QE', version: 2 },
  };
  for (const [name, json] of Object.entries(bad)) {
    it(`is refused with ${name}`, () => {
      expect(() => parse(json)).to.throw(MalformedInput);
    });
  }
});
