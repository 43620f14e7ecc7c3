import { expect } from 'chai';
import { missingProvider, TSM_FOLDER, type TsmRequest, tsmReport } from '#enclave/attester/configfs-tsm.ts';
import { PATIENCE } from '#enclave/attester/patience.ts';
import { configfsTsm, type TsmProvider } from '#infra/emulator/kernel/configfs-tsm.ts';
import { type ErrorName, type PseudoTree, systemError } from '#infra/emulator/kernel/pseudo-file.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { attesterFailure, EagerTimers, emulatedFiles, type Watch } from '#test/fakes/tee/emulated-devices.ts';

const INBLOB = new Uint8Array(64).fill(7);
/** Longer than two pages, so that no single read gives it. */
const OUTBLOB = nodeCrypto.randomBytes(10_000);
const AUXBLOB = nodeCrypto.randomBytes(5_000);
const REQUEST: TsmRequest = { folder: TSM_FOLDER, inblob: INBLOB };

describe('configfs-tsm', () => {
  let clock: EagerTimers;
  let calls: string[];
  let watch: Watch;
  let report: TsmProvider['report'];
  let tree: PseudoTree;
  beforeEach(() => {
    clock = new EagerTimers();
    calls = [];
    watch = () => undefined;
    report = async () => ({ outblob: OUTBLOB, auxblob: AUXBLOB });
    tree = configfsTsm({
      name: 'sev_guest',
      hasPrivilegeLevels: true,
      report: (inblob, level) => report(inblob, level),
    });
  });

  const ports = (root = TSM_FOLDER) => {
    const files = emulatedFiles([{ root, tree }], (call, path) => {
      calls.push(`${call} ${path.replace(TSM_FOLDER, '').replace(/cloister-[0-9a-f]{16}/, 'ours')}`);
      watch(call, path);
    });
    return { files, clock, crypto: nodeCrypto };
  };
  const ask = (more: Partial<TsmRequest> = {}) => tsmReport(ports(), { ...REQUEST, ...more });
  /** The next calls of this kind on this file fail, once for each code. */
  const failing = (call: Parameters<Watch>[0], file: string, ...codes: readonly ErrorName[]) => {
    const left = [...codes];
    watch = (made, path) => {
      const code = made === call && path.endsWith(file) ? left.shift() : undefined;
      if (code !== undefined) throw systemError(code);
    };
  };
  /** Somebody else writes to the entry that is there now. */
  const intrude = async () => {
    const file = tree.find(`${tree.list('')[0]}/inblob`);
    if (file === undefined || file === 'directory') throw new Error('no entry to write to');
    await file.write?.(new Uint8Array(64));
  };

  it('gives what the device signed over the data, put together from partial reads', async () => {
    const asked: (readonly [Uint8Array, number])[] = [];
    report = async (inblob, level) => {
      asked.push([inblob, level]);
      return { outblob: OUTBLOB, auxblob: AUXBLOB };
    };
    expect(await ask()).to.deep.equal({ outblob: OUTBLOB, auxblob: AUXBLOB });
    expect(asked).to.deep.equal([[INBLOB, 0]]);
  });

  it('works in an entry of its own, writes once, and removes the entry', async () => {
    await ask();
    expect(calls[0]).to.equal('mkdir /ours');
    expect(calls.filter((call) => call.startsWith('write'))).to.deep.equal(['write /ours/inblob']);
    expect(calls.at(-1)).to.equal('rmdir /ours');
    expect(tree.list('')).to.deep.equal([]);
    const opened = calls.filter((call) => call.startsWith('open')).length;
    expect(calls.filter((call) => call.startsWith('close'))).to.have.length(opened);
  });

  it('takes its names from the entropy that it is given', async () => {
    const crypto = { digest: nodeCrypto.digest, randomBytes: (count: number) => new Uint8Array(count).fill(0xab) };
    const made: string[] = [];
    watch = (call, path) => call === 'mkdir' && made.push(path);
    await tsmReport({ ...ports(), crypto }, REQUEST);
    expect(made).to.deep.equal([`${TSM_FOLDER}/cloister-abababababababab`]);
  });

  it('asks for the privilege level that it is told, which counts as a write', async () => {
    const levels: number[] = [];
    report = async (_inblob, level) => {
      levels.push(level);
      return { outblob: OUTBLOB, auxblob: AUXBLOB };
    };
    await ask({ privlevel: 2 });
    expect(levels).to.deep.equal([2]);
    expect(clock.waitedMs).to.deep.equal([]);
    expect(await attesterFailure(ask({ privlevel: 9 }))).to.include('EINVAL');
    expect(tree.list('')).to.deep.equal([]);
  });

  it('takes nothing for the auxiliary blob where there is none', async () => {
    tree = configfsTsm({ name: 'tdx_guest', hasPrivilegeLevels: false, report: (inblob) => report(inblob, 0) });
    expect(await ask()).to.deep.equal({ outblob: OUTBLOB, auxblob: new Uint8Array(0) });
  });

  for (const code of ['EBUSY', 'EINTR', 'EAGAIN', 'EWOULDBLOCK'] as const) {
    it(`waits and asks again when the device answers ${code}`, async () => {
      failing('read', 'outblob', code, code, code);
      expect((await ask()).outblob).to.deep.equal(OUTBLOB);
      expect(clock.waitedMs).to.deep.equal([50, 100, 200]);
      expect(calls.filter((call) => call === 'rmdir /ours')).to.have.length(4);
    });
  }

  for (const [call, file] of [
    ['mkdir', ''],
    ['open', 'inblob'],
    ['write', 'inblob'],
    ['read', 'auxblob'],
    ['rmdir', ''],
  ] as const) {
    it(`asks again when ${call} ${file} is told that the device is busy`, async () => {
      failing(call, file, 'EBUSY');
      expect(await ask()).to.deep.equal({ outblob: OUTBLOB, auxblob: AUXBLOB });
      expect(clock.waitedMs).to.deep.equal([50]);
      expect(tree.list('')).to.deep.equal([]);
    });
  }

  it('gives up on a device that stays busy, after waits that grow up to a bound', async () => {
    watch = (call, path) => {
      if (call === 'read' && path.endsWith('outblob')) throw systemError('EBUSY');
    };
    expect(await attesterFailure(ask())).to.include('the device was busy (EBUSY), 10 times in a row');
    expect(clock.waitedMs).to.deep.equal([50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
    expect(clock.waitedMs).to.have.length(PATIENCE.triesMax - 1);
    expect(tree.list('')).to.deep.equal([]);
  });

  it('does not take a report when somebody else wrote to its entry meanwhile', async () => {
    const asked: Uint8Array[] = [];
    report = async (inblob) => {
      asked.push(inblob);
      if (asked.length === 1) await intrude();
      return { outblob: OUTBLOB.slice(asked.length), auxblob: AUXBLOB };
    };
    expect((await ask()).outblob).to.deep.equal(OUTBLOB.slice(asked.length));
    // The second is made for whoever reads the auxiliary blob of the intruder's request.
    expect(asked).to.deep.equal([INBLOB, new Uint8Array(64), INBLOB]);
  });

  it('does not take a report over what somebody else wrote before it was made', async () => {
    let times = 0;
    watch = (call, path) => {
      if (call !== 'open' || !path.endsWith('outblob')) return;
      times += 1;
      if (times === 1) void intrude();
    };
    await ask();
    expect(times).to.equal(2);
  });

  it('gives up when its entry is always changed by somebody else', async () => {
    report = async () => {
      await intrude();
      return { outblob: OUTBLOB, auxblob: AUXBLOB };
    };
    expect(await attesterFailure(ask())).to.include('somebody else changed the request, 10 times in a row');
  });

  it('notices data that the kernel refused when the file was closed, which nobody is told', async () => {
    let refusals = 0;
    const { find } = tree;
    tree = {
      ...tree,
      find(path) {
        const file = find(path);
        if (!path.endsWith('inblob') || typeof file !== 'object' || refusals > 0) return file;
        const write = async () => {
          refusals += 1;
          throw systemError('EBUSY');
        };
        return { ...file, write };
      },
    };
    expect((await ask()).outblob).to.deep.equal(OUTBLOB);
    expect([refusals, clock.waitedMs]).to.deep.equal([1, [50]]);
  });

  it('fails with the name of any other error, and still removes its entry', async () => {
    failing('read', 'outblob', 'EIO');
    expect(await attesterFailure(ask())).to.equal(`no evidence: a report under ${TSM_FOLDER} failed with EIO`);
    expect(tree.list('')).to.deep.equal([]);
  });

  it('lets a bug through as it is, and still removes its entry', async () => {
    const bug = new TypeError('no system error');
    report = async () => {
      throw bug;
    };
    expect(await ask().catch((error: unknown) => error)).to.equal(bug);
    expect(tree.list('')).to.deep.equal([]);
  });

  it('says what went wrong first when the entry cannot be removed either', async () => {
    watch = (call, path) => {
      if (call === 'read' && path.endsWith('outblob')) throw systemError('EIO');
      if (call === 'rmdir') throw systemError('EPERM');
    };
    expect(await attesterFailure(ask())).to.include('EIO');
  });

  it('fails when the entry of a good report cannot be removed', async () => {
    failing('rmdir', '', 'EPERM');
    expect(await attesterFailure(ask())).to.include('EPERM');
  });

  for (const [what, outblob, words] of [
    ['an empty report', new Uint8Array(0), 'an empty report'],
    ['a report above the bound of the kernel', new Uint8Array(32 * 1024 + 1), 'more than 32768 bytes'],
  ] as const) {
    it(`fails on ${what}`, async () => {
      report = async () => ({ outblob, auxblob: AUXBLOB });
      expect(await attesterFailure(ask())).to.include(words);
    });
  }

  it('takes a report of exactly that bound', async () => {
    report = async () => ({ outblob: new Uint8Array(32 * 1024), auxblob: AUXBLOB });
    expect((await ask()).outblob).to.have.length(32 * 1024);
  });

  it('fails when the kernel takes a part of the data only', async () => {
    const { files, ...others } = ports();
    const open: typeof files.open = async (path, direction) => {
      const file = await files.open(path, direction);
      return { ...file, write: (bytes) => file.write(bytes.subarray(1)) };
    };
    const work = tsmReport({ ...others, files: { ...files, open } }, REQUEST);
    expect(await attesterFailure(work)).to.match(/inblob took 63 of 64 bytes$/);
  });

  it('fails when the generation is no number', async () => {
    const { find } = tree;
    const text = new TextEncoder().encode('one\n');
    tree = {
      ...tree,
      find: (path) =>
        path.endsWith('generation') ? { read: async () => text, takes: 'each-write', bytesMax: 0 } : find(path),
    };
    expect(await attesterFailure(ask())).to.include('generation is not a number');
  });

  describe('asked for a provider', () => {
    const missing = (provider = 'sev_guest', root = TSM_FOLDER) => missingProvider(ports(root), TSM_FOLDER, provider);

    it('misses nothing when that one serves', async () => {
      expect(await missing()).to.equal(undefined);
      expect(tree.list('')).to.deep.equal([]);
    });

    it('says which one serves in its place', async () => {
      expect(await missing('tdx_guest')).to.equal(`${TSM_FOLDER} is served by sev_guest, not by tdx_guest`);
    });

    it('says that there is no such interface', async () => {
      expect(await missing('sev_guest', '/elsewhere')).to.equal(`there is no ${TSM_FOLDER}`);
    });

    it('says that no device serves it, that it may not be used, or what else is wrong', async () => {
      failing('mkdir', '', 'ENXIO', 'EACCES');
      expect(await missing()).to.equal(`no device serves ${TSM_FOLDER}`);
      expect(await missing()).to.equal(`${TSM_FOLDER} failed with EACCES`);
      failing('stat', '', 'EACCES');
      expect(await missing()).to.equal(`${TSM_FOLDER} failed with EACCES`);
      watch = (call) => {
        if (call === 'mkdir') throw systemError('EBUSY');
      };
      expect(await missing()).to.include('the device was busy (EBUSY)');
    });
  });
});
