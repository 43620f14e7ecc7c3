import { expect } from 'chai';
import type { AttesterOptions } from '#enclave/attester/driver.ts';
import { tpmAttester } from '#enclave/attester/tpm.ts';
import { QUOTED_PCRS } from '#enclave/attester/tpm-tools.ts';
import { type PseudoTree, systemError } from '#infra/emulator/kernel/pseudo-file.ts';
import { parseTpmDocument } from '#shared/attestation/tpm/document.ts';
import { EVENT_LOG_LIMITS } from '#shared/attestation/tpm/event-log.ts';
import { concat, EMPTY, fromHex, textOf, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { attesterFailure, EmulatedTools, emulatedFiles, emulatedPorts } from '#test/fakes/tee/emulated-devices.ts';

const REPORT_DATA = new Uint8Array(64).fill(5);
const QUALIFYING = nodeCrypto.digest('sha256', REPORT_DATA);
const LOG = '/sys/kernel/security/tpm0/binary_bios_measurements';
const PUBLIC = utf8('public area');

/** The value of an option of a command line. */
function valueOf(args: readonly string[], option: string): string {
  return args[args.indexOf(option) + 1] ?? '';
}

describe('tpmAttester', () => {
  let tools: EmulatedTools;
  let tctis: string[];
  let registers: number;
  let log: () => Uint8Array;
  beforeEach(() => {
    tctis = [];
    registers = QUOTED_PCRS.length;
    log = () => utf8('the log of the boot');
    tools = new EmulatedTools({
      tpm2_getcap: () => undefined,
      tpm2_flushcontext: () => undefined,
      tpm2_createek: (args, files) => files.set(valueOf(args, '-c'), utf8('ek')),
      tpm2_createak(args, files) {
        files.set(valueOf(args, '-c'), utf8('saved context'));
        files.set(valueOf(args, '-u'), concat(Uint8Array.of(0, PUBLIC.length), PUBLIC));
      },
      tpm2_readpublic(args, files) {
        if (args.includes('-q')) files.set(valueOf(args, '-q'), utf8('name of the parent'));
        if (args.includes('-o')) files.set(valueOf(args, '-o'), utf8(`${valueOf(args, '-c')} in DER`));
      },
      tpm2_quote(args, files, environment) {
        tctis.push(environment['TPM2TOOLS_TCTI'] ?? '');
        const key = valueOf(args, '-c');
        const loaded = key.startsWith('0x') ? key : textOf(files.get(key) ?? new Uint8Array(0));
        files.set(valueOf(args, '-m'), concat(utf8(`${loaded} over `), fromHex(valueOf(args, '-q')) ?? EMPTY));
        files.set(valueOf(args, '-s'), utf8('signature'));
        files.set(
          valueOf(args, '-o'),
          Uint8Array.from({ length: registers * 32 }, (_, place) => Math.floor(place / 32)),
        );
      },
    });
  });

  const ports = () => {
    const tree: PseudoTree = {
      find: (path) => (path === '' ? { read: async () => log(), takes: 'each-write', bytesMax: 0 } : undefined),
      list: () => [],
      makeDirectory: () => undefined,
      removeDirectory: () => undefined,
    };
    return emulatedPorts({
      tools: tools.open,
      files: emulatedFiles([LOG, '/my/log'].map((root) => ({ root, tree }))),
    });
  };
  const open = (options: AttesterOptions = {}) => tpmAttester.open(ports(), options);
  const attest = async (options: AttesterOptions = {}) => {
    const { document } = await (await open(options)).attest(REPORT_DATA);
    return parseTpmDocument(document);
  };

  it('quotes by a key that it made at the start, with its public area and parent', async () => {
    const { quote, signature, ak, akParent, pcrs, eventLog } = await attest();
    expect(quote).to.deep.equal(concat(utf8('saved context over '), QUALIFYING));
    expect(textOf(signature)).to.equal('signature');
    expect([textOf(ak), akParent && textOf(akParent)]).to.deep.equal(['public area', 'name of the parent']);
    expect([...pcrs.keys()]).to.deep.equal(['sha256']);
    expect([...(pcrs.get('sha256')?.keys() ?? [])]).to.deep.equal([...QUOTED_PCRS]);
    expect(pcrs.get('sha256')?.get(11)).to.deep.equal(new Uint8Array(32).fill(10));
    expect(eventLog && textOf(eventLog)).to.equal('the log of the boot');
  });

  it('makes its key once, and leaves nothing loaded in the TPM nor lying in a folder', async () => {
    const attester = await open();
    const atStart = tools.ran.length;
    await attester.attest(REPORT_DATA);
    await attester.attest(REPORT_DATA);
    expect(tools.ran.filter((line) => line.startsWith('tpm2_createak'))).to.have.length(1);
    const loading = /^tpm2_(createek|createak|readpublic|quote)/;
    for (const [index, line] of tools.ran.entries()) {
      if (loading.test(line)) expect(tools.ran[index + 1], line).to.equal('tpm2_flushcontext -t');
    }
    expect(tools.ran.slice(atStart)).to.have.length(4);
    expect(tools.folders).to.equal(0);
  });

  it('quotes by the persistent key that it is told, and leaves what others have loaded alone', async () => {
    const { quote, ak, akParent } = await attest({ tpmKey: '0x81010002' });
    expect(quote).to.deep.equal(concat(utf8('0x81010002 over '), QUALIFYING));
    expect(textOf(ak)).to.equal('0x81010002 in DER');
    expect(akParent).to.equal(undefined);
    expect(tools.ran.map((line) => line.split(' ')[0])).to.deep.equal(['tpm2_readpublic', 'tpm2_quote']);
  });

  it('asks for the registers that the boot fills and those of applications, and for SHA-256', async () => {
    await attest({ tpmKey: '0x81010002' });
    const args = tools.ran.at(-1)?.split(' ') ?? [];
    expect(valueOf(args, '-l')).to.equal('sha256:0,1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,23');
    expect([valueOf(args, '-g'), valueOf(args, '-F')]).to.deep.equal(['sha256', 'values']);
  });

  it('reaches the TPM by the resource manager, or as it is told', async () => {
    await attest();
    await attest({ tcti: 'swtpm:port=2321' });
    expect(tctis).to.deep.equal(['device:/dev/tpmrm0', 'swtpm:port=2321']);
  });

  it('takes the log from where it is told', async () => {
    expect((await attest({ eventLog: '/my/log' })).eventLog).to.deep.equal(utf8('the log of the boot'));
  });

  it('fails at its start without the log that it is told', async () => {
    const message = await attesterFailure(open({ eventLog: '/no/log' }));
    expect(message).to.include('reading the event log /no/log failed with ENOENT');
  });

  it('refuses a key that is no persistent handle, before it asks the TPM', async () => {
    for (const tpmKey of ['ak.ctx', '0x40000001', '81010002', '0x8101000']) {
      const fault = await open({ tpmKey }).catch((error: unknown) => error);
      expect(fault, tpmKey).to.have.property('code', 'CONFIG_INVALID');
      expect(fault).to.have.property('message').that.includes(`--tpm-key: found ${tpmKey}, expected a persistent`);
    }
    expect(tools.ran).to.deep.equal([]);
  });

  const unreadable = (): Uint8Array => {
    throw systemError('EACCES');
  };
  for (const [what, read] of [
    ['may not be read', unreadable],
    ['is empty', () => new Uint8Array(0)],
    ['is longer than evidence may be', () => new Uint8Array(EVENT_LOG_LIMITS.bytes + 1)],
  ] as const) {
    it(`quotes without a log that ${what}`, async () => {
      log = read;
      expect((await attest()).eventLog).to.equal(undefined);
    });
  }

  it('fails when other registers were read than it asked for', async () => {
    registers -= 1;
    expect(await attesterFailure(attest())).to.include('does the TPM have the SHA-256 bank?');
    expect(tools.folders).to.equal(0);
  });

  it('fails with the words of the tool that failed, at the start or later', async () => {
    const attester = await open();
    tools.programs['tpm2_quote'] = () => {
      throw Object.assign(new Error('no'), { code: 'EIO' });
    };
    expect(await attesterFailure(attester.attest(REPORT_DATA))).to.equal('no evidence: the TPM failed with EIO');
    tools.programs['tpm2_createek'] = tools.programs['tpm2_quote'];
    expect(await attesterFailure(open())).to.include('the TPM failed with EIO');
    expect(tools.folders).to.equal(0);
  });

  it('fails when the key is written in another size than it says', async () => {
    tools.programs['tpm2_createak'] = (args, files) => {
      files.set(valueOf(args, '-c'), utf8('saved context'));
      files.set(valueOf(args, '-u'), Uint8Array.of(0, 2, 1));
    };
    expect(await attesterFailure(open())).to.include('a key of another size');
  });

  it('misses a device, unless it is told how to reach the TPM, and a TPM that answers', async () => {
    expect(await tpmAttester.missing(ports(), {})).to.equal('there is no /dev/tpmrm0');
    expect(await tpmAttester.missing(ports(), { tcti: 'swtpm:' })).to.equal(undefined);
    tools.programs['tpm2_getcap'] = () => {
      throw systemError('EIO');
    };
    expect(await tpmAttester.missing(ports(), { tcti: 'swtpm:' })).to.equal('no evidence: the TPM failed with EIO');
    expect(tools.folders).to.equal(0);
  });
});
