import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readDeviceFile, writeDeviceFile } from '#enclave/attester/device-file.ts';
import { errorCode } from '#enclave/attester/failure.ts';
import { nodeDeviceFiles } from '#enclave/attester/transport/device-files.ts';
import { attesterFailure } from '#test/fakes/tee/emulated-devices.ts';

describe('the files of this machine', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);
  const codeOf = async (work: Promise<unknown>) => errorCode(await work.catch((error: unknown) => error));

  it('are read to their end, however they come', async () => {
    const bytes = Uint8Array.from({ length: 9_000 }, (_, index) => index);
    await writeFile(at('long'), bytes);
    expect(await readDeviceFile(nodeDeviceFiles, at('long'))).to.deep.equal(bytes);
    // The kernel gives what a process is called in many short reads or one; either way it ends.
    expect(await readDeviceFile(nodeDeviceFiles, '/proc/self/status')).to.have.length.above(100);
  });

  it('are read up to the bound and no further', async () => {
    await writeFile(at('long'), new Uint8Array(101));
    expect(await attesterFailure(readDeviceFile(nodeDeviceFiles, at('long'), 100))).to.include('more than 100 bytes');
    expect(await readDeviceFile(nodeDeviceFiles, at('long'), 101)).to.have.length(101);
  });

  it('are written in place: neither made nor cut', async () => {
    expect(await codeOf(writeDeviceFile(nodeDeviceFiles, at('new'), Uint8Array.of(1)))).to.equal('ENOENT');
    await writeFile(at('old'), Uint8Array.of(9, 9, 9));
    await writeDeviceFile(nodeDeviceFiles, at('old'), Uint8Array.of(1));
    expect(new Uint8Array(await readFile(at('old')))).to.deep.equal(Uint8Array.of(1, 9, 9));
  });

  it('are opened for one direction', async () => {
    await writeFile(at('file'), Uint8Array.of(1));
    const [reader, writer] = [
      await nodeDeviceFiles.open(at('file'), 'read'),
      await nodeDeviceFiles.open(at('file'), 'write'),
    ];
    expect(await codeOf(reader.write(Uint8Array.of(2)))).to.equal('EBADF');
    expect(await codeOf(writer.read(new Uint8Array(1)))).to.equal('EBADF');
    await reader.close();
    await writer.close();
  });

  it('have folders that are made, found and removed', async () => {
    await nodeDeviceFiles.mkdir(at('entry'));
    await nodeDeviceFiles.access(at('entry'));
    expect(await codeOf(nodeDeviceFiles.mkdir(at('entry')))).to.equal('EEXIST');
    await mkdir(at('entry/deeper'));
    expect(await codeOf(nodeDeviceFiles.rmdir(at('entry')))).to.equal('ENOTEMPTY');
    await nodeDeviceFiles.rmdir(at('entry/deeper'));
    await nodeDeviceFiles.rmdir(at('entry'));
    expect(await codeOf(nodeDeviceFiles.access(at('entry')))).to.equal('ENOENT');
  });
});
