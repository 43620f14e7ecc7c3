import { expect } from 'chai';
import { sgxGramineAttester } from '#enclave/attester/sgx-gramine.ts';
import { GRAMINE_ROOT, gramineAttestation } from '#infra/emulator/kernel/gramine-attestation.ts';
import { type PseudoTree, systemError } from '#infra/emulator/kernel/pseudo-file.ts';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { attesterFailure, emulatedFiles, emulatedPorts, type Watch } from '#test/fakes/tee/emulated-devices.ts';

const REPORT_DATA = new Uint8Array(64).fill(5);
const QUOTE = new Uint8Array(4_700).fill(1);

describe('sgxGramineAttester', () => {
  let quote: (reportData: Uint8Array) => Promise<Uint8Array>;
  let type: string;
  let watch: Watch;
  beforeEach(() => {
    quote = async (reportData) => concat(reportData, QUOTE);
    type = 'dcap';
    watch = () => undefined;
  });

  const ports = (root = GRAMINE_ROOT) => {
    const gramine = gramineAttestation((reportData) => quote(reportData));
    const tree: PseudoTree = {
      ...gramine,
      find: (path) =>
        path === 'attestation_type'
          ? { read: async () => utf8(type), takes: 'each-write', bytesMax: 0 }
          : gramine.find(path),
    };
    return emulatedPorts({ files: emulatedFiles([{ root, tree }], (call, path) => watch(call, path)) });
  };
  const attest = async () => (await sgxGramineAttester.open(ports(), {})).attest(REPORT_DATA);

  it('gives the quote over the report data, put together from partial reads', async () => {
    expect(await attest()).to.deep.equal({ document: concat(REPORT_DATA, QUOTE), endorsements: [] });
  });

  it('looks where it is told', async () => {
    const attester = await sgxGramineAttester.open(ports('/gramine'), { device: '/gramine' });
    expect((await attester.attest(REPORT_DATA)).document).to.have.length(64 + QUOTE.length);
    expect(await sgxGramineAttester.missing(ports('/gramine'), { device: '/gramine' })).to.equal(undefined);
  });

  it('fails with the error of the quoting enclave', async () => {
    quote = async () => {
      throw systemError('EACCES');
    };
    expect(await attesterFailure(attest())).to.equal('no evidence: a quote from /dev/attestation failed with EACCES');
  });

  it('fails when the report data is not taken', async () => {
    watch = (call, path) => {
      if (call === 'close' && path.endsWith('user_report_data')) throw systemError('EACCES');
    };
    expect(await attesterFailure(attest())).to.include('EACCES');
  });

  it('fails on an empty quote', async () => {
    quote = async () => new Uint8Array(0);
    expect(await attesterFailure(attest())).to.include('/dev/attestation/quote is empty');
  });

  it('misses Gramine, remote attestation with DCAP in its manifest, or the right to look', async () => {
    const missing = () => sgxGramineAttester.missing(ports(), {});
    expect(await missing()).to.equal(undefined);
    type = 'none';
    expect(await missing()).to.include('is not dcap; set sgx.remote_attestation');
    watch = (call) => {
      if (call === 'open') throw systemError('EPERM');
    };
    expect(await missing()).to.equal('/dev/attestation/attestation_type failed with EPERM');
    expect(await sgxGramineAttester.missing(ports('/elsewhere'), {})).to.include('there is no /dev/attestation');
  });
});
