import { expect } from 'chai';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { parseSnpReport, SNP_REPORT_BYTES, type SnpReport } from '#shared/attestation/sev-snp/report.ts';
import { concat, toHex } from '#shared/bytes/bytes.ts';
import { MEASUREMENT, REPORT_DATA, type TestChip, testChip } from '#test/fakes/tee/amd.ts';

const POLICY = 0x30000n;
/** Writes one byte. */
const put =
  (offset: number, value: number) =>
  (report: Uint8Array): void => {
    report[offset] = value;
  };

describe('SNP report', () => {
  let device: TestChip;
  before(async () => {
    device = await testChip();
  });
  const parsed = (...bent: Parameters<TestChip['report']>): SnpReport => parseSnpReport(device.report(...bent));
  const refused = (offset: number, value: number, version: 2 | 3 | 5 = 3): void => {
    const bytes = device.report({ version }, { rewrite: put(offset, value) });
    expect(() => parseSnpReport(bytes), `byte 0x${offset.toString(16)} of version ${version}`).to.throw(MalformedInput);
  };

  it('is read field by field', () => {
    const report = parsed({
      guestSvn: 3,
      vmpl: 1,
      familyId: new Uint8Array(16).fill(1),
      imageId: new Uint8Array(16).fill(2),
      hostData: new Uint8Array(32).fill(3),
      idKeyDigest: new Uint8Array(48).fill(4),
      authorKeyDigest: new Uint8Array(48).fill(5),
      launchTcb: { bootloader: 1, tee: 2, snp: 3, microcode: 4 },
    });
    expect(report).to.include({ version: 3, guestSvn: 3, vmpl: 1, signingKey: 'VCEK' });
    expect(report).to.include({ authorKeyEnabled: false, chipKeyMasked: false });
    expect(report).to.include({ currentFirmware: '1.58.3', committedFirmware: '1.58.3', mitigations: undefined });
    expect(report.cpuid).to.deep.equal({ family: 25, model: 1, stepping: 1 });
    expect([report.familyId[0], report.imageId[0], report.hostData[31]]).to.deep.equal([1, 2, 3]);
    expect([report.idKeyDigest[47], report.authorKeyDigest[0]]).to.deep.equal([4, 5]);
    expect([report.reportData, report.measurement]).to.deep.equal([REPORT_DATA, MEASUREMENT]);
    expect(report.chipId).to.deep.equal(device.chip.hwId);
    expect(toHex(report.launchTcb)).to.equal('0102000000000304');
    expect(toHex(report.reportedTcb)).to.equal('04000000000018db');
    expect([report.signed.length, report.signature.length]).to.deep.equal([0x2a0, 96]);
    expect(report.reportIdMigrationAgent.every((byte) => byte === 0xff)).to.equal(true);
  });

  it('has no processor number in version 2, and mitigations from version 5 on', () => {
    expect(parsed({ version: 2 }).cpuid).to.equal(undefined);
    expect(toHex(parsed({ version: 5 }).mitigations?.launch ?? new Uint8Array(0))).to.equal('3f00000000000000');
  });

  it('of any other length is refused', () => {
    const bytes = device.report();
    for (const length of [0, 1, SNP_REPORT_BYTES - 1]) {
      expect(() => parseSnpReport(bytes.subarray(0, length))).to.throw(MalformedInput, `${length} bytes`);
    }
    expect(() => parseSnpReport(concat(bytes, new Uint8Array(16)))).to.throw(MalformedInput, '1200 bytes');
  });

  it('of a version whose layout was not published is refused', () => {
    for (const version of [0, 1, 4, 6, 255]) refused(0, version);
    refused(1, 1);
  });

  it('with a reserved byte that is not zero is refused', () => {
    for (const offset of [0x4c, 0x4f, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x29f]) {
      for (const version of [2, 3, 5] as const) refused(offset, 1, version);
    }
    for (const offset of [0x188, 0x18a]) refused(offset, 1, 2);
    for (const offset of [0x1f8, 0x207]) refused(offset, 1, 3);
    refused(0x208, 1, 5);
  });

  it('with another signature algorithm is refused', () => {
    refused(0x34, 2);
    refused(0x37, 1);
  });

  it('with reserved bits beside its key is refused, and with a key that is reserved', () => {
    refused(0x48, 0x20);
    refused(0x4b, 0x80);
    for (const key of [2, 3, 4, 5, 6]) refused(0x48, key << 2);
  });

  it('says which key signed it, and what else stands there', () => {
    const withFlags = (flags: number) => parsed({}, { rewrite: put(0x48, flags) });
    expect(withFlags(1 << 2).signingKey).to.equal('VLEK');
    expect(withFlags(7 << 2).signingKey).to.equal('NONE');
    expect(withFlags(1)).to.include({ authorKeyEnabled: true, chipKeyMasked: false, signingKey: 'VCEK' });
    expect(withFlags(2)).to.include({ authorKeyEnabled: false, chipKeyMasked: true, signingKey: 'VCEK' });
  });

  it('with anything beside R and S where its signature is, is refused', () => {
    for (const offset of [0x2a0 + 48, 0x2a0 + 71, 0x2a0 + 72 + 48, 0x2a0 + 143, 0x2a0 + 144, 0x49f]) {
      expect(() => parsed({}, { alter: put(offset, 1) }), `${offset}`).to.throw(MalformedInput);
    }
  });

  it('holds R and S little-endian', () => {
    const bytes = device.report();
    const { signature } = parseSnpReport(bytes);
    expect([signature[47], signature[95]]).to.deep.equal([bytes[0x2a0], bytes[0x2a0 + 72]]);
    expect([signature[0], signature[48]]).to.deep.equal([bytes[0x2a0 + 47], bytes[0x2a0 + 72 + 47]]);
  });

  describe('guest policy', () => {
    it('must have bit 17, and none from bit 26 on', () => {
      expect(() => parsed({ policy: 0n })).to.throw(MalformedInput, 'bit 17');
      for (const bit of [26n, 40n, 63n])
        expect(() => parsed({ policy: POLICY | (1n << bit) })).to.throw(MalformedInput, 'reserved bits');
    });

    it('gives the version of the interface', () => {
      expect(parsed({ policy: POLICY | 0x0137n }).policy).to.include({ abiMajor: 1, abiMinor: 0x37 });
    });

    const bits = {
      smtAllowed: 16n,
      migrationAgentAllowed: 18n,
      debugAllowed: 19n,
      singleSocketRequired: 20n,
      cxlAllowed: 21n,
      aes256XtsRequired: 22n,
      raplDisabledRequired: 23n,
      ciphertextHidingRequired: 24n,
      pageSwapDisabled: 25n,
    } as const;
    for (const [name, bit] of Object.entries(bits)) {
      it(`has ${name} in bit ${bit}, and nowhere else`, () => {
        const flags = Object.entries(parsed({ policy: (1n << 17n) | (1n << bit) }).policy);
        expect(flags.filter(([, value]) => value === true)).to.deep.equal([[name, true]]);
      });
    }
  });

  describe('state of the platform', () => {
    const bits = {
      smt: 0n,
      tsme: 1n,
      ecc: 2n,
      raplDisabled: 3n,
      ciphertextHiding: 4n,
      aliasCheckComplete: 5n,
      tio: 7n,
    } as const;
    for (const [name, bit] of Object.entries(bits)) {
      it(`has ${name} in bit ${bit}, and nowhere else`, () => {
        const flags = Object.entries(parsed({ platformInfo: 1n << bit }).platformInfo);
        expect(flags.filter(([, value]) => value === true)).to.deep.equal([[name, true]]);
      });
    }

    it('may hold bits that have no name: genuine machines do', () => {
      expect(parsed({ platformInfo: 1n << 6n }).platformInfo.bits).to.equal(64n);
    });
  });
});
