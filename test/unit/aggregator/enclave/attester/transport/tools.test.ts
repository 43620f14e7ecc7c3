import { stat } from 'node:fs/promises';
import { expect } from 'chai';
import { nodeToolFolders, type ToolFolder } from '#enclave/attester/transport/tools.ts';
import { textOf, utf8 } from '#shared/bytes/bytes.ts';
import { attesterFailure } from '#test/fakes/tee/emulated-devices.ts';

const PATH = process.env['PATH'] ?? '';

describe('a folder for programs', () => {
  let folder: ToolFolder;
  beforeEach(async () => {
    folder = await nodeToolFolders(PATH)({ TPM2TOOLS_TCTI: 'device:/dev/none' });
  });
  afterEach(() => folder.remove());
  const shell = (script: string) => folder.run('sh', '-c', script);
  const output = async () => textOf(await folder.read('out', 4096))?.trim();

  it('is where they work, with the files that were put there', async () => {
    await folder.write('in', utf8('key'));
    await shell('cat in in > out');
    expect(await output()).to.equal('keykey');
  });

  it('is closed to other users, with what is put there, and gone after its end', async () => {
    await shell('pwd > out; stat -c %a . >> out');
    const [path = '', mode] = (await output())?.split('\n') ?? [];
    expect(mode).to.equal('700');
    await folder.write('in', utf8('key'));
    await shell('stat -c %a in > out');
    expect(await output()).to.equal('600');
    await folder.remove();
    expect(await stat(path).catch((error: unknown) => error)).to.have.property('code', 'ENOENT');
  });

  it('shows them of our environment what they need and nothing else', async () => {
    await shell('env -u PWD -u SHLVL -u _ > out');
    expect((await output())?.split('\n').toSorted()).to.deep.equal([`PATH=${PATH}`, 'TPM2TOOLS_TCTI=device:/dev/none']);
  });

  it('says that a program is not there', async () => {
    const message = await attesterFailure(folder.run('tpm2_no_such_tool'));
    expect(message).to.equal('no evidence: tpm2_no_such_tool is not on the PATH; install tpm2-tools');
  });

  it('says how a program failed, and its last words without what is no text', async () => {
    const message = await attesterFailure(
      shell("echo first; echo second >&2; printf 'ERROR: \\033[31mno TPM\\nERROR: ended\\n' >&2; exit 3"),
    );
    expect(message).to.equal('no evidence: sh failed (3): ERROR: [31mno TPM ERROR: ended');
    expect(await attesterFailure(shell('exit 1'))).to.equal('no evidence: sh failed (1)');
    expect(await attesterFailure(shell('kill -SEGV $$'))).to.equal('no evidence: sh was ended by SIGSEGV');
    expect(await attesterFailure(shell("head -c 900 /dev/zero | tr '\\0' x >&2; exit 1"))).to.have.length.below(400);
  });

  it('ends a program that takes too long', async () => {
    const hasty = await nodeToolFolders(PATH, 20)({});
    expect(await attesterFailure(hasty.run('sleep', '60'))).to.equal('no evidence: sleep did not end within 20 ms');
    await hasty.remove();
  });

  it('bounds what a program may print, and what is read of a file', async () => {
    expect(await attesterFailure(shell('head -c 400000 /dev/zero'))).to.include('ERR_CHILD_PROCESS_STDIO_MAXBUFFER');
    await folder.write('out', new Uint8Array(11));
    expect(await attesterFailure(folder.read('out', 10))).to.include('more than 10 bytes');
  });
});
