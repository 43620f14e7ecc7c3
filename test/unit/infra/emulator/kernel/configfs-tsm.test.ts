import { expect } from 'chai';
import { configfsTsm, INBLOB_BYTES_MAX, type TsmProvider } from '#infra/emulator/kernel/configfs-tsm.ts';
import type { OpenFile, PseudoTree } from '#infra/emulator/kernel/pseudo-file.ts';
import { openFile, READ_BYTES_MAX, systemError } from '#infra/emulator/kernel/pseudo-file.ts';
import { concat, utf8 } from '#shared/bytes/bytes.ts';

const NONCE = new Uint8Array(INBLOB_BYTES_MAX).fill(7);

/** A provider that counts, and whose report is longer than one read gives. */
function countingProvider(hasPrivilegeLevels = true) {
  const asked: { inblob: Uint8Array; level: number }[] = [];
  const provider: TsmProvider = {
    name: 'sev_guest',
    hasPrivilegeLevels,
    async report(inblob, level) {
      asked.push({ inblob, level });
      return { outblob: concat(inblob, new Uint8Array(READ_BYTES_MAX).fill(asked.length)), auxblob: utf8('table') };
    },
  };
  return { asked, provider };
}

function fileAt(tree: PseudoTree, path: string, mode: 'read' | 'write'): OpenFile {
  const node = tree.find(path);
  if (node === undefined || node === 'directory') throw new Error(`no file ${path}`);
  return openFile(node, mode);
}

async function read(tree: PseudoTree, path: string): Promise<Uint8Array> {
  const file = fileAt(tree, path, 'read');
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = await file.read(1024 * 1024, undefined);
    if (piece.length === 0) return concat(...pieces);
    pieces.push(piece);
  }
}

async function write(tree: PseudoTree, path: string, bytes: Uint8Array): Promise<void> {
  const file = fileAt(tree, path, 'write');
  await file.write(bytes);
  await file.close();
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
}

describe('configfsTsm', () => {
  it('makes a report over inblob, at the privilege level asked for', async () => {
    const { asked, provider } = countingProvider();
    const tree = configfsTsm(provider);
    tree.makeDirectory('one');
    await write(tree, 'one/privlevel', utf8('2\n'));
    await write(tree, 'one/inblob', NONCE);
    const outblob = await read(tree, 'one/outblob');
    expect(outblob.slice(0, INBLOB_BYTES_MAX)).to.deep.equal(NONCE);
    expect(outblob.length).to.equal(INBLOB_BYTES_MAX + READ_BYTES_MAX);
    expect(asked).to.deep.equal([{ inblob: NONCE, level: 2 }]);
    expect(await read(tree, 'one/provider')).to.deep.equal(utf8('sev_guest\n'));
  });

  it('counts every write in generation, and only once inblob was closed', async () => {
    const tree = configfsTsm(countingProvider().provider);
    tree.makeDirectory('one');
    expect(await read(tree, 'one/generation')).to.deep.equal(utf8('0\n'));
    const inblob = fileAt(tree, 'one/inblob', 'write');
    await inblob.write(NONCE.slice(0, 32));
    await inblob.write(NONCE.slice(32));
    expect(await read(tree, 'one/generation')).to.deep.equal(utf8('0\n'));
    await inblob.close();
    expect(await read(tree, 'one/generation')).to.deep.equal(utf8('1\n'));
    await write(tree, 'one/privlevel', utf8('0'));
    expect(await read(tree, 'one/generation')).to.deep.equal(utf8('2\n'));
  });

  it('keeps a report until something is written again, for outblob and auxblob alike', async () => {
    const { asked, provider } = countingProvider();
    const tree = configfsTsm(provider);
    tree.makeDirectory('one');
    await write(tree, 'one/inblob', NONCE);
    const first = await read(tree, 'one/outblob');
    expect(await read(tree, 'one/auxblob')).to.deep.equal(utf8('table'));
    expect(await read(tree, 'one/outblob')).to.deep.equal(first);
    expect(asked.length).to.equal(1);
    await write(tree, 'one/inblob', NONCE);
    expect(await read(tree, 'one/outblob')).to.not.deep.equal(first);
  });

  it('lets a reader who has begun end with the report that it began with', async () => {
    const tree = configfsTsm(countingProvider().provider);
    tree.makeDirectory('one');
    await write(tree, 'one/inblob', NONCE);
    const file = fileAt(tree, 'one/outblob', 'read');
    await file.read(16, undefined);
    await write(tree, 'one/inblob', NONCE);
    const tail = await file.read(READ_BYTES_MAX, INBLOB_BYTES_MAX);
    expect(tail[0]).to.equal(1);
  });

  it('gives EINVAL where nothing was written yet, and the provider’s own error where it has one', async () => {
    let busy = true;
    const tree = configfsTsm({
      ...countingProvider().provider,
      async report() {
        if (busy) throw systemError('EBUSY');
        return { outblob: NONCE, auxblob: NONCE };
      },
    });
    tree.makeDirectory('one');
    expect(await failure(read(tree, 'one/outblob'))).to.equal('EINVAL');
    await write(tree, 'one/inblob', NONCE);
    expect(await failure(read(tree, 'one/outblob'))).to.equal('EBUSY');
    busy = false;
    expect(await read(tree, 'one/outblob')).to.deep.equal(NONCE);
  });

  it('refuses more than 64 bytes, a level above 3, reading what is for writing and writing what is for reading', async () => {
    const tree = configfsTsm(countingProvider().provider);
    tree.makeDirectory('one');
    expect(await failure(write(tree, 'one/inblob', new Uint8Array(INBLOB_BYTES_MAX + 1)))).to.equal('EFBIG');
    expect(await failure(write(tree, 'one/privlevel', utf8('4')))).to.equal('EINVAL');
    expect(await failure(write(tree, 'one/privlevel', utf8('none')))).to.equal('EINVAL');
    expect(() => fileAt(tree, 'one/inblob', 'read')).to.throw('EACCES');
    expect(() => fileAt(tree, 'one/outblob', 'write')).to.throw('EACCES');
    expect(await failure(fileAt(tree, 'one/inblob', 'write').read(1, 0))).to.equal('EBADF');
    expect(await failure(fileAt(tree, 'one/provider', 'read').write(NONCE))).to.equal('EBADF');
    expect(await read(tree, 'one/generation')).to.deep.equal(utf8('0\n'));
  });

  it('has a directory for each caller, and none of another name or depth', () => {
    const tree = configfsTsm(countingProvider().provider);
    tree.makeDirectory('one');
    expect(() => tree.makeDirectory('one')).to.throw('EEXIST');
    expect(() => tree.makeDirectory('one/two')).to.throw('EPERM');
    expect(tree.find('one')).to.equal('directory');
    expect(tree.find('one/absent')).to.equal(undefined);
    expect(tree.find('one/inblob/deeper')).to.equal(undefined);
    expect(tree.list('')).to.deep.equal(['one']);
    tree.removeDirectory('one');
    expect(tree.find('one/inblob')).to.equal(undefined);
    expect(() => tree.removeDirectory('one')).to.throw('ENOENT');
  });

  it('shows a guest without privilege levels neither these nor a certificate table', () => {
    const tree = configfsTsm(countingProvider(false).provider);
    tree.makeDirectory('one');
    expect(tree.list('one')).to.deep.equal(['generation', 'provider', 'inblob', 'outblob']);
    expect(tree.find('one/auxblob')).to.equal(undefined);
  });
});
