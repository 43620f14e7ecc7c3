import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { BOUNDARY_LIMITS } from '#boundary/limits.ts';
import { EndorsementFolder, type Endorsements, readEndorsements, repeatBySystem } from '#host/endorsement-folder.ts';
import { HOST_LIMITS } from '#host/limits.ts';
import { Fault } from '#shared/fault/fault.ts';
import { SILENT, temporaryFolder } from '#test/fakes/host/redis.ts';

const CERTIFICATE = { kind: 'certificate', bytes: Uint8Array.of(1, 2) };
const COLLATERAL = { kind: 'intel-collateral', bytes: Uint8Array.of(3) };

describe('the folder of endorsements', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  const write = (name: string, ...bytes: readonly number[]) =>
    writeFile(join(folder.path, name), Uint8Array.from(bytes));
  const refusal = async (path = folder.path): Promise<string> => {
    const outcome = await readEndorsements(path).catch((error: unknown) => error);
    if (!(outcome instanceof Fault)) throw new Error('expected a fault', { cause: outcome });
    expect(outcome.code).to.equal('CONFIG_INVALID');
    return outcome.message;
  };

  it('gives each file by the kind in its name, in the order of the names, and passes others over', async () => {
    await write('tdx.intel-collateral.json', 3);
    await write('ark.cert.der', 1, 2);
    await write('README.md', 9);
    await write('.cert.der', 9);
    expect(await readEndorsements(folder.path)).to.deep.equal([CERTIFICATE, COLLATERAL]);
  });

  it('is refused when it is not there, or a file of it cannot be read', async () => {
    expect(await refusal(join(folder.path, 'none'))).to.include('none cannot be read');
    await mkdir(join(folder.path, 'a.crl.der'));
    expect(await refusal()).to.include('a.crl.der cannot be read');
  });

  it('is refused with an empty file, or one that evidence cannot carry', async () => {
    await write('a.crl.der');
    expect(await refusal()).to.include('1 to 49152 bytes');
    await write('a.crl.der', ...new Uint8Array(BOUNDARY_LIMITS.endorsementBytesMax + 1));
    expect(await refusal()).to.include('1 to 49152 bytes');
    await write('a.crl.der', ...new Uint8Array(BOUNDARY_LIMITS.endorsementBytesMax));
    expect(await readEndorsements(folder.path)).to.have.length(1);
  });

  it('is refused with more files than evidence can carry', async () => {
    for (let index = 0; index <= BOUNDARY_LIMITS.endorsementsMax; index += 1) await write(`${index}.crl.der`, 1);
    expect(await refusal()).to.include('13 endorsements, at most 12');
  });

  describe('while a host runs', () => {
    let told: Endorsements[];
    let repeated: { everyMs: number; action: () => void; ended: boolean } | undefined;
    let opened: EndorsementFolder;
    beforeEach(async () => {
      told = [];
      await write('ark.cert.der', 1, 2);
      opened = await EndorsementFolder.open(folder.path, {
        log: SILENT,
        changed: (items) => told.push(items),
        repeat: (everyMs, action) => {
          const timer = { everyMs, action, ended: false };
          repeated = timer;
          return () => (timer.ended = true);
        },
      });
    });

    it('is read at the start and at intervals, until it is closed', async () => {
      expect(opened.items).to.deep.equal([CERTIFICATE]);
      expect(repeated?.everyMs).to.equal(HOST_LIMITS.endorsementsMs);
      repeated?.action();
      opened.close();
      expect(repeated?.ended).to.equal(true);
    });

    it('tells of a change, and of nothing when there was none', async () => {
      await opened.reread();
      expect(told).to.deep.equal([]);
      await write('tdx.intel-collateral.json', 3);
      await opened.reread();
      await write('ark.cert.der', 5);
      await opened.reread();
      expect(told).to.deep.equal([
        [CERTIFICATE, COLLATERAL],
        [{ ...CERTIFICATE, bytes: Uint8Array.of(5) }, COLLATERAL],
      ]);
      expect(opened.items).to.deep.equal(told[1]);
    });

    it('keeps what it had while it cannot be read', async () => {
      await write('empty.crl.der');
      await opened.reread();
      await rm(folder.path, { recursive: true });
      await opened.reread();
      expect(opened.items).to.deep.equal([CERTIFICATE]);
      expect(told).to.deep.equal([]);
    });
  });

  it('has a timer of this machine that ends when it is told to', () => {
    repeatBySystem(HOST_LIMITS.endorsementsMs, () => expect.fail('no time has passed'))();
  });
});
