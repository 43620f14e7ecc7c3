import { expect } from 'chai';
import { azureCvmAttester } from '#enclave/attester/azure-cvm.ts';
import type { AttesterOptions } from '#enclave/attester/driver.ts';
import { QUOTED_PCRS } from '#enclave/attester/tpm-tools.ts';
import type { HttpRequest } from '#enclave/attester/transport/http.ts';
import { mintHclReport } from '#infra/emulator/azure/hcl.ts';
import { parseAzureDocument } from '#shared/attestation/azure/document.ts';
import { boundReportData } from '#shared/attestation/binding.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { concat, EMPTY, fromHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { attesterFailure, EmulatedTools, emulatedPorts } from '#test/fakes/tee/emulated-devices.ts';

const REPORT_DATA = new Uint8Array(64).fill(5);
const BOUND = boundReportData('azure-cvm', REPORT_DATA, nodeCrypto);
const SERVICE = 'http://169.254.169.254';
const TD_QUOTE = Uint8Array.from({ length: 300 }, (_, index) => index);
const CLAIMS = utf8('{"keys":[]}');

function snpReport(hardwareReport: Uint8Array): Uint8Array {
  return mintHclReport({ hardware: 'SEV-SNP', hardwareReport, runtimeClaims: CLAIMS });
}

function pem(...certificates: readonly Uint8Array[]): string {
  return certificates
    .map((der) => `-----BEGIN CERTIFICATE-----\r\n${toBase64(der)}\r\n-----END CERTIFICATE-----\r\n`)
    .join('');
}

const VCEK = new Uint8Array(40).fill(1);
const ASK = new Uint8Array(40).fill(2);
const ARK = new Uint8Array(40).fill(3);
const CHAIN = [VCEK, ASK, ARK].map((bytes) => ({ kind: 'certificate', bytes }));

describe('azureCvmAttester', () => {
  let tools: EmulatedTools;
  let hcl: Uint8Array;
  let asked: HttpRequest[];
  let answers: Record<string, string>;
  beforeEach(() => {
    hcl = snpReport(new Uint8Array(1184).fill(9));
    asked = [];
    answers = {
      [`${SERVICE}/metadata/THIM/amd/certification`]: JSON.stringify({
        vcekCert: pem(VCEK),
        tcbm: 'D500000000000000',
        certificateChain: pem(ASK, ARK),
        cacheControl: '86400',
      }),
      [`${SERVICE}/acc/tdquote`]: JSON.stringify({ quote: Buffer.from(TD_QUOTE).toString('base64url') }),
    };
    const valueOf = (args: readonly string[], option: string): string => args[args.indexOf(option) + 1] ?? '';
    tools = new EmulatedTools({
      tpm2_nvreadpublic: () => undefined,
      tpm2_nvwrite: () => undefined,
      tpm2_nvread: (args, files) => files.set(valueOf(args, '-o'), hcl),
      tpm2_quote(args, files) {
        files.set(
          valueOf(args, '-m'),
          concat(utf8(`${valueOf(args, '-c')} over `), fromHex(valueOf(args, '-q')) ?? EMPTY),
        );
        files.set(valueOf(args, '-s'), utf8('signature'));
        files.set(valueOf(args, '-o'), new Uint8Array(QUOTED_PCRS.length * 32));
      },
    });
  });

  const ports = () =>
    emulatedPorts({
      tools: tools.open,
      send: async (request) => {
        asked.push(request);
        const answer = answers[request.url];
        if (answer === undefined) throw new Fault('ATTESTER_FAILED', 'status 404');
        return utf8(answer);
      },
    });
  const open = (options: AttesterOptions = {}) => azureCvmAttester.open(ports(), options);
  const attest = async (options: AttesterOptions = {}) => (await open(options)).attest(REPORT_DATA);

  it('gives the report of the paravisor, and a quote of its vTPM over the report data', async () => {
    const { document, endorsements } = await attest();
    const { tpm, tdQuote, ...parts } = parseAzureDocument(document);
    expect(parts.hcl).to.deep.equal(hcl);
    expect(tdQuote).to.equal(undefined);
    expect(tpm?.quote).to.deep.equal(concat(utf8('0x81000003 over '), BOUND));
    expect(tpm?.pcrs.get('sha256')?.size).to.equal(QUOTED_PCRS.length);
    expect(endorsements).to.deep.equal(CHAIN);
    expect(asked.map(({ headers }) => headers)).to.deep.equal([{ Metadata: 'true' }]);
  });

  it('writes the user data before it reads the report', async () => {
    const order: string[] = [];
    tools.programs['tpm2_nvwrite'] = (args, files) => {
      order.push(`write ${args.at(-1)}`);
      expect(files.get('user-data')).to.deep.equal(BOUND);
    };
    const read = tools.programs['tpm2_nvread'];
    tools.programs['tpm2_nvread'] = (args, ...rest) => {
      order.push(`read ${args.at(-1)}`);
      read?.(args, ...rest);
    };
    await attest();
    expect(order).to.deep.equal(['write 0x01400002', 'read 0x01400001']);
  });

  it('does without an index for user data', async () => {
    tools.programs['tpm2_nvwrite'] = () => {
      throw new Fault('ATTESTER_FAILED', 'no such index');
    };
    expect((await attest()).endorsements).to.deep.equal(CHAIN);
  });

  it('asks for the certificates again only when another key signs', async () => {
    const attester = await open();
    await attester.attest(REPORT_DATA);
    hcl = snpReport(new Uint8Array(1184).fill(9).fill(1, 0, 0x180));
    await attester.attest(REPORT_DATA);
    expect(asked).to.have.length(1);
    hcl = snpReport(new Uint8Array(1184).fill(9).fill(8, 0x180, 0x188));
    await attester.attest(REPORT_DATA);
    expect(asked).to.have.length(2);
  });

  for (const [what, answer] of [
    ['no answer', undefined],
    ['other JSON', '{"vcekCert":1}'],
    ['certificates that are not PEM', JSON.stringify({ vcekCert: 'x', certificateChain: pem(ASK, ARK) })],
    ['too many certificates', JSON.stringify({ vcekCert: pem(VCEK), certificateChain: pem(ASK, ARK, ASK, ARK) })],
  ] as const) {
    it(`leaves the certificates to the host on ${what}, and asks again the next time`, async () => {
      const url = `${SERVICE}/metadata/THIM/amd/certification`;
      const good = answers[url] ?? '';
      if (answer === undefined) delete answers[url];
      else answers[url] = answer;
      const attester = await open();
      expect((await attester.attest(REPORT_DATA)).endorsements).to.deep.equal([]);
      answers[url] = good;
      expect((await attester.attest(REPORT_DATA)).endorsements).to.deep.equal(CHAIN);
    });
  }

  describe('on TDX', () => {
    const TD_REPORT = nodeCrypto.randomBytes(1024);
    beforeEach(() => {
      hcl = mintHclReport({ hardware: 'TDX', hardwareReport: TD_REPORT, runtimeClaims: CLAIMS });
    });

    it("has the TD report quoted by the host's service", async () => {
      const { document, endorsements } = await attest();
      expect(parseAzureDocument(document).tdQuote).to.deep.equal(TD_QUOTE);
      expect(endorsements).to.deep.equal([]);
      const report = Buffer.from(TD_REPORT).toString('base64url');
      expect(asked.map(({ url, json }) => ({ url, json }))).to.deep.equal([
        { url: `${SERVICE}/acc/tdquote`, json: { report } },
      ]);
    });

    it('asks the service that it is told', async () => {
      answers = { 'http://127.0.0.1:80/acc/tdquote': answers[`${SERVICE}/acc/tdquote`] ?? '' };
      expect((await attest({ device: 'http://127.0.0.1:80' })).endorsements).to.deep.equal([]);
    });

    for (const [what, answer, words] of [
      ['no answer', undefined, 'status 404'],
      ['an answer without a quote', '{}', 'other JSON than expected'],
      ['an empty quote', '{"quote":""}', 'other JSON than expected'],
      ['a quote in other letters', '{"quote":"a+b/"}', 'not base64url'],
    ] as const) {
      it(`fails on ${what}`, async () => {
        if (answer === undefined) answers = {};
        else answers[`${SERVICE}/acc/tdquote`] = answer;
        expect(await attesterFailure(attest())).to.include(words);
      });
    }
  });

  it('fails when the index holds no HCL report', async () => {
    hcl = new Uint8Array(2600);
    expect(await attesterFailure(attest())).to.include('NV index 0x01400001: not an HCL report');
  });

  it('fails with the tool that failed', async () => {
    tools.programs['tpm2_quote'] = () => {
      throw Object.assign(new Error('no'), { code: 'EIO' });
    };
    expect(await attesterFailure(attest())).to.include('EIO');
    expect(tools.folders).to.equal(0);
  });

  it('stops for a bug on the way to the certificates', async () => {
    const send = () => Promise.reject(new TypeError('a bug'));
    const attester = await azureCvmAttester.open({ ...ports(), send }, {});
    const outcome = await attester.attest(REPORT_DATA).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(TypeError);
  });

  it('misses a TPM with the index of the report', async () => {
    expect(await azureCvmAttester.missing(ports(), {})).to.equal('there is no /dev/tpmrm0');
    expect(await azureCvmAttester.missing(ports(), { tcti: 'swtpm:' })).to.equal(undefined);
    tools.programs['tpm2_nvreadpublic'] = () => {
      throw new Fault('ATTESTER_FAILED', 'tpm2_nvreadpublic was ended by SIGSEGV');
    };
    expect(await azureCvmAttester.missing(ports(), { tcti: 'swtpm:' })).to.include('SIGSEGV');
  });
});
