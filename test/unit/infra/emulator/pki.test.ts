import { createHash, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRoot, issueChain } from '#infra/emulator/pki.ts';
import { loadOrCreateRoot } from '#infra/emulator/root.ts';
import { Fault } from '#shared/fault/fault.ts';
import { AT_MS, fixedSurroundings } from '#test/fakes/tee/emulator.ts';

describe('the emulator root', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is the same at the second start, with its fingerprint beside it', async () => {
    const first = await loadOrCreateRoot(folder, fixedSurroundings());
    const second = await loadOrCreateRoot(folder, fixedSurroundings());
    expect(second.sha256).to.equal(first.sha256);
    const pem = await readFile(join(folder, 'root.pem'), 'utf8');
    const der = new X509Certificate(pem).raw;
    expect((await readFile(join(folder, 'root.sha256'), 'utf8')).trim()).to.equal(first.sha256);
    expect(createHash('sha256').update(der).digest('hex')).to.equal(first.sha256);
  });

  it('keeps its key readable to its owner only, in a folder of its owner only', async () => {
    await loadOrCreateRoot(folder, fixedSurroundings());
    expect((await stat(join(folder, 'root.key.pem'))).mode & 0o777).to.equal(0o600);
    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
  });

  it('refuses a key file that others can read', async () => {
    await loadOrCreateRoot(folder, fixedSurroundings());
    await chmod(join(folder, 'root.key.pem'), 0o644);
    expect((await faultOf(loadOrCreateRoot(folder, fixedSurroundings()))).code).to.equal('KEY_FILE_INVALID');
  });

  it('is one when two start at once', async () => {
    const roots = await Promise.all([1, 2, 3].map(() => loadOrCreateRoot(folder, fixedSurroundings())));
    expect(new Set(roots.map(({ sha256 }) => sha256)).size).to.equal(1);
    expect((await readdir(folder)).toSorted()).to.deep.equal(['root.key.pem', 'root.pem', 'root.sha256']);
  });

  it('refuses a key that is not that of the certificate', async () => {
    await loadOrCreateRoot(folder, fixedSurroundings());
    const path = join(folder, 'root.key.pem');
    const [key = ''] = (await readFile(path, 'utf8')).split('-----BEGIN CERTIFICATE');
    const other = await createRoot(fixedSurroundings());
    await writeFile(path, `${key}${other.certificate.toString('pem')}`);
    expect((await faultOf(loadOrCreateRoot(folder, fixedSurroundings()))).code).to.equal('KEY_FILE_INVALID');
    await writeFile(path, key);
    expect((await faultOf(loadOrCreateRoot(folder, fixedSurroundings()))).code).to.equal('KEY_FILE_INVALID');
  });

  it('says EMULATED in every subject of a chain that OpenSSL accepts link by link', async () => {
    const root = await createRoot(fixedSurroundings());
    const chain = await issueChain(root, { moduleId: 'i-0-enc0', atMs: AT_MS }, fixedSurroundings());
    const certificates = [...chain.cabundle, chain.certificate].map((der) => new X509Certificate(der));
    expect(certificates).to.have.length(4);
    certificates.forEach((certificate, index) => {
      const issuer = certificates[Math.max(0, index - 1)];
      expect(certificate.subject).to.include('EMULATED');
      expect(issuer !== undefined && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)).to.equal(
        true,
      );
    });
  });
});

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Fault)) throw new Error('expected a fault', { cause: outcome });
  return outcome;
}
