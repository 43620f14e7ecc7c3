import { expect } from 'chai';
import { type HclDefects, hclReportData, mintHclReport } from '#infra/emulator/azure/hcl.ts';
import { runtimeClaims } from '#infra/emulator/azure/runtime-claims.ts';
import { mintTdReport, type TdReportDefects } from '#infra/emulator/azure/td-report.ts';
import { encodeAzureDocument, parseAzureDocument } from '#shared/attestation/azure/document.ts';
import { parseHclReport } from '#shared/attestation/azure/hcl.ts';
import { parseRuntimeClaims } from '#shared/attestation/azure/runtime-claims.ts';
import { quotedReasons, readTdReport } from '#shared/attestation/azure/td-report.ts';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { concat, EMPTY, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { flipped } from '../tpm/machine.ts';
import { AK, PARAVISOR } from './vm.ts';

function refusal(parse: () => unknown): string {
  const result = attempt(parse);
  return result.kind === 'parsed' ? '' : result.reason.detail;
}

describe('HCL report reader', () => {
  const claims = utf8('{}');
  const snp = { hardware: 'SEV-SNP', hardwareReport: new Uint8Array(1184).fill(1), runtimeClaims: claims } as const;
  const tdx = { hardware: 'TDX', hardwareReport: new Uint8Array(1024).fill(1), runtimeClaims: claims } as const;
  const refusalOf = (defects: HclDefects): string => refusal(() => parseHclReport(mintHclReport(snp, defects)));

  it('reads reports of either hardware, from indices of either size', () => {
    expect(parseHclReport(mintHclReport(snp))).to.deep.equal({ ...snp, version: 1, reportBytes: 1238, hash: 'sha256' });
    expect(parseHclReport(mintHclReport(tdx))).to.deep.equal({ ...tdx, version: 2, reportBytes: 1238, hash: 'sha256' });
    expect(mintHclReport(snp)).to.have.length(2600);
    expect(refusalOf({ rest: new Uint8Array(2048 - 1238) })).to.equal('');
    expect(refusalOf({ rest: EMPTY })).to.equal('');
  });

  it('refuses headers that contradict what follows, or mean something else', () => {
    expect(refusalOf({ signature: 'HCLB' })).to.equal('not an HCL report');
    expect(refusalOf({ version: 3 })).to.contain('version 3');
    expect(refusalOf({ reportBytes: 1239 })).to.contain('1239 bytes, not 1238');
    expect(refusalOf({ requestType: 1 })).to.contain('request type 1');
    expect(refusalOf({ status: 1 })).to.contain('status 1');
    expect(refusalOf({ reserved: flipped(new Uint8Array(12), 11) })).to.contain('reserved');
    expect(refusalOf({ dataBytes: 23 })).to.contain('23 bytes around 2');
    expect(refusalOf({ runtimeVersion: 2 })).to.contain('version 2');
    expect(refusalOf({ reportType: 3 })).to.contain('neither SEV-SNP nor TDX');
    expect(refusalOf({ hashType: 0 })).to.contain('not SHA-2');
    expect(refusalOf({ claimsBytes: 3, dataBytes: 23 })).to.contain('1238 bytes, not 1239');
    expect(refusalOf({ claimsBytes: 3000, dataBytes: 3020 })).to.contain('bytes wanted');
    expect(refusalOf({ rest: Uint8Array.of(0, 1) })).to.contain('behind the HCL report');
    expect(refusalOf({ rest: new Uint8Array(4096) })).to.contain('at most 4096');
    const areaRest = flipped(new Uint8Array(160), 159);
    expect(refusal(() => parseHclReport(mintHclReport(tdx, { areaRest })))).to.contain('behind the TD report');
  });

  it('refuses a report that ends anywhere before its end', () => {
    const report = mintHclReport(snp, { rest: EMPTY });
    for (let length = 0; length < report.length; length += 1) {
      expect(
        refusal(() => parseHclReport(report.subarray(0, length))),
        `${length} bytes`,
      ).to.not.equal('');
    }
  });
});

describe('runtime claims reader', () => {
  const refusalOf = (rewrite: (claims: Readonly<Record<string, unknown>>) => unknown): string =>
    refusal(() => parseRuntimeClaims(runtimeClaims({ ak: AK }, rewrite)));
  const plainKey = { kid: 'HCLAkPub', kty: 'RSA', e: 'AQAB', n: Buffer.alloc(256, 0xff).toString('base64url') };
  const withKeys = (...keys: readonly unknown[]): string => refusalOf((claims) => ({ ...claims, keys }));

  it('reads the key, the setup and the user data', () => {
    const claims = parseRuntimeClaims(runtimeClaims({ ak: AK, userData: Uint8Array.of(0xab) }));
    expect(toHex(claims.ak.spki)).to.equal(toHex(AK.spki));
    expect(claims.kids).to.deep.equal(['HCLAkPub']);
    expect(claims.vmConfiguration).to.include({ 'secure-boot': true });
    expect(claims.userData).to.equal(`ab${'00'.repeat(63)}`);
    expect(withKeys({ kid: 'HCLEkPub' }, plainKey)).to.equal('');
  });

  it('leaves claims alone that it does not know, and does without user data', () => {
    expect(refusalOf((claims) => ({ ...claims, 'of-later': [1] }))).to.equal('');
    const { 'user-data': _, ...older } = { 'user-data': '', ...plainClaims() };
    expect(parseRuntimeClaims(runtimeClaims({ ak: AK }, () => older)).userData).to.equal(undefined);
    const upper = runtimeClaims({ ak: AK }, (claims) => ({ ...claims, 'user-data': 'AB' }));
    expect(parseRuntimeClaims(upper).userData).to.equal('ab');
  });

  it('refuses what is no strict JSON object', () => {
    const doubled = utf8(`{"keys":[],"keys":[${JSON.stringify(plainKey)}],"vm-configuration":{}}`);
    expect(refusal(() => parseRuntimeClaims(doubled))).to.contain('names a key twice');
    expect(refusal(() => parseRuntimeClaims(utf8('{"keys":[]')))).to.contain('is not JSON');
    expect(refusal(() => parseRuntimeClaims(utf8('[]')))).to.contain('no JSON object');
    expect(refusal(() => parseRuntimeClaims(Uint8Array.of(0xff)))).to.contain('not UTF-8');
  });

  it('refuses keys that are missing, doubled or not what they should be', () => {
    expect(refusalOf((claims) => ({ ...claims, keys: {} }))).to.contain('list of keys');
    expect(withKeys(...Array.from({ length: 9 }, (_, index) => ({ kid: `${index}` })))).to.contain('list of keys');
    expect(withKeys({})).to.contain('without a name');
    expect(withKeys(plainKey, plainKey)).to.contain('a key twice');
    expect(withKeys({ ...plainKey, kid: 'HCLEkPub' })).to.contain('without HCLAkPub');
    expect(withKeys({ ...plainKey, kty: 'EC' })).to.contain('no RSA key');
    expect(withKeys({ ...plainKey, n: '' })).to.contain('no RSA key');
    expect(withKeys({ ...plainKey, n: 'A=' })).to.contain('no RSA key');
    expect(withKeys({ ...plainKey, e: 7 })).to.contain('no RSA key');
    expect(withKeys({ ...plainKey, n: plainKey.n.slice(0, 172) })).to.contain('RSA-1032');
  });

  it('refuses a setup or user data of another kind', () => {
    expect(refusalOf((claims) => ({ ...claims, 'vm-configuration': true }))).to.contain('vm-configuration');
    for (const value of ['0', 'zz', '00'.repeat(65), 7]) {
      expect(refusalOf((claims) => ({ ...claims, 'user-data': value }))).to.contain('user-data');
    }
  });

  function plainClaims(): Readonly<Record<string, unknown>> {
    return { keys: [plainKey], 'vm-configuration': {} };
  }
});

describe('TD report reader', () => {
  const reportData = hclReportData(utf8('{}'));
  const fields = { mrTd: PARAVISOR, reportData, teeTcbSvn2: new Uint8Array(16).fill(2) };
  const refusalOf = (defects: TdReportDefects): string =>
    refusal(() => readTdReport(mintTdReport(fields, defects), nodeCrypto));
  const flipAt = (offset: number) => (bytes: Uint8Array) => flipped(bytes, offset);

  it('reads the fields that a quote has too', () => {
    const report = readTdReport(mintTdReport({ ...fields, mrServiceTd: PARAVISOR }), nodeCrypto);
    expect([report.mrTd, report.reportData]).to.deep.equal([PARAVISOR, reportData]);
    expect([report.teeTcbSvn2, report.mrServiceTd]).to.deep.equal([fields.teeTcbSvn2, PARAVISOR]);
  });

  it('refuses a report that is not of a TD, or not of its size', () => {
    for (const type of [
      [0x00, 0, 0, 0],
      [0x81, 1, 0, 0],
      [0x81, 0, 2, 0],
      [0x81, 0, 0, 1],
    ]) {
      expect(refusalOf({ type: Uint8Array.from(type) })).to.contain('not of a TD');
    }
    expect(refusalOf({ type: Uint8Array.of(0x81, 0, 1, 0) })).to.equal('');
    expect(refusalOf({ alter: (report) => report.subarray(0, 1023) })).to.contain('bytes wanted');
    expect(refusalOf({ alter: (report) => concat(report, EMPTY, Uint8Array.of(0)) })).to.contain('left over');
  });

  it('refuses a report whose parts were altered, or reserved bytes set', () => {
    expect(refusalOf({ alterTcbInfo: flipAt(0) })).to.contain('hashes in it');
    expect(refusalOf({ alterTdInfo: flipAt(511) })).to.contain('hashes in it');
    for (const offset of [32, 127]) expect(refusalOf({ alter: flipAt(offset) })).to.contain('hashes in it');
    for (const offset of [4, 15, 192, 223, 495, 511])
      expect(refusalOf({ alter: flipAt(offset) })).to.contain('reserved');
  });

  it('finds each field in which a quote differs', () => {
    const report = readTdReport(mintTdReport(fields), nodeCrypto);
    expect(quotedReasons(report, report)).to.deep.equal([]);
    for (const name of Object.keys(report)) {
      const other = {
        ...report,
        ...(name === 'rtmrs' ? { rtmrs: altered(report.rtmrs) } : { [name]: PARAVISOR.map(() => 9) }),
      };
      expect(
        quotedReasons(other, report).map(({ code }) => code),
        name,
      ).to.deep.equal(['TD_QUOTE_NOT_FOR_THIS_TD_REPORT']);
    }
    const { teeTcbSvn2: _, mrServiceTd: __, ...older } = report;
    expect(quotedReasons(older, report)).to.deep.equal([]);
  });

  function altered([first, ...others]: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]) {
    return [flipped(first, 0), ...others] as const;
  }
});

describe('Azure evidence document', () => {
  const one = Uint8Array.of(1);
  const pcrs = new Map([['sha256' as const, new Map([[4, new Uint8Array(32)]])]]);
  const tpm = { quote: one, signature: one, pcrs };
  const withEntries = (...entries: readonly (readonly [CborInput, CborInput])[]): string =>
    refusal(() => parseAzureDocument(encodeCbor({ entries: [['hcl', one], ...entries] })));

  it('is read as it was written', () => {
    for (const parts of [{ hcl: one }, { hcl: one, tpm }, { hcl: one, tdQuote: one, tpm }]) {
      expect(parseAzureDocument(encodeAzureDocument(parts))).to.deep.equal(parts);
    }
  });

  it('is refused when it is no map of these fields', () => {
    expect(refusal(() => parseAzureDocument(encodeCbor([])))).to.contain('is a CBOR array');
    expect(refusal(() => parseAzureDocument(encodeCbor({ entries: [] })))).to.contain('without hcl');
    expect(withEntries(['more', one])).to.contain('a field that it does not have');
    expect(withEntries([1, one])).to.contain('a field that it does not have');
    expect(withEntries(['tdQuote', 'text'])).to.contain('tdQuote is not a byte string');
    expect(withEntries(['tdQuote', EMPTY])).to.contain('tdQuote is not a byte string');
    expect(withEntries(['tpmQuote', new Uint8Array(1025)], ['tpmSignature', one])).to.contain('tpmQuote is not');
  });

  it('is refused with a part of a TPM quote, or in another spelling', () => {
    expect(withEntries(['tpmQuote', one])).to.contain('a part of a TPM quote');
    expect(withEntries(['tpmSignature', one], ['pcrs', { entries: [] }])).to.contain('a part of a TPM quote');
    expect(withEntries(['pcrs', { entries: [] }])).to.contain('a part of a TPM quote');
    expect(withEntries(['tpmQuote', one], ['tpmSignature', one])).to.contain('not a map');
    expect(withEntries(['tpmSignature', one], ['tpmQuote', one], ['pcrs', { entries: [] }])).to.contain('one encoding');
  });
});
