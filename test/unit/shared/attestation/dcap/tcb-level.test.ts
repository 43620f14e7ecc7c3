import { expect } from 'chai';
import fc from 'fast-check';
import type { PlatformLevel } from '#shared/attestation/dcap/tcb-info.ts';
import { componentLevelOf, platformLevelOf } from '#shared/attestation/dcap/tcb-level.ts';
import { PLATFORM_STATUSES } from '#shared/attestation/dcap/tcb-status.ts';

const COUNT = 16;
const FIVES: readonly number[] = Array(COUNT).fill(5);
const LEVEL: PlatformLevel = {
  sgxSvns: FIVES,
  pceSvn: 10,
  tdxSvns: [],
  status: 'UpToDate',
  date: '2025-05-14T00:00:00Z',
  advisories: [],
};
const TDX_LEVEL: PlatformLevel = { ...LEVEL, tdxSvns: FIVES };

const withAt = (index: number, value: number): number[] => FIVES.map((svn, at) => (at === index ? value : svn));
const sgx = (components: readonly number[], pceSvn = 10) =>
  platformLevelOf([LEVEL], { components, pceSvn, teeTcbSvn: undefined });
const tdx = (teeTcbSvn: readonly number[]) =>
  platformLevelOf([TDX_LEVEL], { components: FIVES, pceSvn: 10, teeTcbSvn: Uint8Array.from(teeTcbSvn) });

describe('the level of a platform', () => {
  it('is reached by versions that are equal or higher, component by component', () => {
    expect(sgx(FIVES)).to.equal(LEVEL);
    for (let index = 0; index < COUNT; index++) {
      expect(sgx(withAt(index, 6)), `component ${index} higher`).to.equal(LEVEL);
      expect(sgx(withAt(index, 4)), `component ${index} lower`).to.equal(undefined);
    }
  });

  it('is not reached by higher versions elsewhere', () => {
    expect(sgx([4, ...Array(15).fill(255)])).to.equal(undefined);
  });

  it('is reached by the PCE version that it names or a later one', () => {
    expect([sgx(FIVES, 9), sgx(FIVES, 10), sgx(FIVES, 11)]).to.deep.equal([undefined, LEVEL, LEVEL]);
  });

  it('is not reached where versions are missing', () => {
    expect(sgx(FIVES.slice(1))).to.equal(undefined);
    expect(tdx(FIVES.slice(1))).to.equal(undefined);
    expect(tdx([])).to.equal(undefined);
  });

  it('counts all TDX components of a module without a major version', () => {
    const level = { ...TDX_LEVEL, tdxSvns: withAt(1, 0) };
    const rate = (svns: readonly number[]) =>
      platformLevelOf([level], { components: FIVES, pceSvn: 10, teeTcbSvn: Uint8Array.from(svns) });
    const module = withAt(1, 0);
    expect(rate(module)).to.equal(level);
    for (let index = 0; index < COUNT; index++) {
      const lower = module.map((svn, at) => (at === index ? svn - 1 : svn));
      if (index !== 1) expect(rate(lower), `component ${index} lower`).to.equal(undefined);
    }
  });

  it('leaves the module out of the TDX components where it has a major version', () => {
    expect(tdx([0, 1, ...FIVES.slice(2)])).to.equal(TDX_LEVEL);
    expect(tdx([0, 255, ...FIVES.slice(2)])).to.equal(TDX_LEVEL);
    for (let index = 2; index < COUNT; index++) {
      expect(tdx(withAt(index, 4)), `component ${index} lower`).to.equal(undefined);
    }
  });

  it('counts the module where its major version is zero, however high the rest', () => {
    expect(tdx([4, 0, ...Array(14).fill(255)])).to.equal(undefined);
    expect(tdx([5, 0, ...Array(14).fill(255)]), 'component 1 is asked for as well').to.equal(undefined);
  });

  it('asks a trust domain for the SGX components and the PCE as well', () => {
    const teeTcbSvn = Uint8Array.from(FIVES);
    expect(platformLevelOf([TDX_LEVEL], { components: withAt(15, 4), pceSvn: 10, teeTcbSvn })).to.equal(undefined);
    expect(platformLevelOf([TDX_LEVEL], { components: FIVES, pceSvn: 9, teeTcbSvn })).to.equal(undefined);
  });

  it('is the first that is reached, and none of an empty list', () => {
    const lower = { ...LEVEL, sgxSvns: Array(COUNT).fill(0) };
    const platform = { components: FIVES, pceSvn: 10, teeTcbSvn: undefined };
    expect(platformLevelOf([LEVEL, lower], platform)).to.equal(LEVEL);
    expect(platformLevelOf([lower, LEVEL], platform)).to.equal(lower);
    expect(platformLevelOf([], platform)).to.equal(undefined);
  });

  it('agrees with a search that knows nothing of arrays', () => {
    const svns = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: COUNT, maxLength: COUNT });
    const levels = fc.array(
      fc.record({
        sgxSvns: svns,
        tdxSvns: svns,
        pceSvn: fc.integer({ min: 0, max: 3 }),
        status: fc.constantFrom(...PLATFORM_STATUSES),
        date: fc.constant(''),
        advisories: fc.constant([]),
      }),
      { maxLength: 8 },
    );
    // Mostly high versions, or no level would ever be reached.
    const own = fc.array(fc.constantFrom(1, 2, 3, 3, 3, 3, 3, 3), { minLength: COUNT, maxLength: COUNT });
    const major = fc.constantFrom(0, 0, 1, 3);
    fc.assert(
      fc.property(levels, own, own, major, (listed, components, tee, second) => {
        const teeTcbSvn = Uint8Array.from(tee.map((svn, index) => (index === 1 ? second : svn)));
        const platform = { components, pceSvn: 2 };
        expect(platformLevelOf(listed, { ...platform, teeTcbSvn })).to.equal(
          naive(listed, components, 2, [...teeTcbSvn]),
        );
        expect(platformLevelOf(listed, { ...platform, teeTcbSvn: undefined })).to.equal(naive(listed, components, 2));
      }),
      { numRuns: 3000, seed: 20_260_102 },
    );
  });
});

/** The same in the words of Intel's document: go through the list, and leave a level at the first version below it. */
function naive(
  levels: readonly PlatformLevel[],
  components: readonly number[],
  pceSvn: number,
  tee?: readonly number[],
) {
  for (const level of levels) {
    let reached = pceSvn >= level.pceSvn;
    for (let i = 0; i < 16; i++) {
      const [own, least] = [components.at(i) ?? 0, level.sgxSvns.at(i) ?? 0];
      if (own < least) reached = false;
      if (tee === undefined) continue;
      const isModule = i < 2 && tee.at(1) !== 0;
      if (!isModule && (tee.at(i) ?? 0) < (level.tdxSvns.at(i) ?? 0)) reached = false;
    }
    if (reached) return level;
  }
  return undefined;
}

describe('the level of a component', () => {
  const levelOf = (isvSvn: number) => ({ isvSvn, status: 'UpToDate' as const, date: '', advisories: [] });
  const levels = [8, 6, 2].map(levelOf);

  it('is the first that its version reaches', () => {
    const found = [9, 8, 7, 6, 5, 2].map((svn) => componentLevelOf(levels, svn)?.isvSvn);
    expect(found).to.deep.equal([8, 8, 6, 6, 2, 2]);
  });

  it('is none below the last', () => {
    expect(componentLevelOf(levels, 1)).to.equal(undefined);
  });
});
