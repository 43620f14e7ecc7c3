import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { mintSpaceToken } from '#infra/emulator/tokens/confidential-space.ts';
import { loadOrCreateGooglePki } from '#infra/emulator/tokens/google-keys.ts';
import { issueGoogleChain } from '#infra/emulator/tokens/google-pki.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { AT_MS, fixedSurroundings } from '#test/fakes/tee/emulator.ts';

const PLATFORM = 'gcp-confidential-space';
const FILE = 'confidential-space.pem';

describe('the emulated Confidential Space PKI', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('signs tokens under the same root at the second start', async () => {
    const first = await loadOrCreateGooglePki(folder, fixedSurroundings());
    const second = await loadOrCreateGooglePki(folder, fixedSurroundings());
    expect(second.sha256).to.equal(first.sha256);
    const chain = await issueGoogleChain(second, { atMs: AT_MS }, fixedSurroundings());
    const document = mintSpaceToken(chain, {
      imageDigest: new Uint8Array(32),
      audience: 'test',
      nonces: ['00'.repeat(32)],
      issuedAtMs: AT_MS,
    });
    const anchor = {
      kind: 'certificate',
      name: 'test',
      platform: PLATFORM,
      sha256: first.sha256,
      emulated: true,
    } as const;
    const result = await verifyEvidence(
      { platform: PLATFORM, document, endorsements: [] },
      { anchors: [anchor], atMs: AT_MS, crypto: nodeCrypto },
    );
    expect(result.kind).to.equal('verified');
  });

  it('is readable to its owner only, and refused where it is not', async () => {
    await loadOrCreateGooglePki(folder, fixedSurroundings());
    expect((await stat(join(folder, FILE))).mode & 0o777).to.equal(0o600);
    await chmod(join(folder, FILE), 0o644);
    expect(await codeOf(loadOrCreateGooglePki(folder, fixedSurroundings()))).to.equal('KEY_FILE_INVALID');
  });

  it('is refused when a part of it is missing, or there is more', async () => {
    await loadOrCreateGooglePki(folder, fixedSurroundings());
    const text = await readFile(join(folder, FILE), 'utf8');
    const end = text.indexOf('-----BEGIN CERTIFICATE-----');
    for (const bent of [text.slice(0, end), `${text}${text.slice(end)}`, '']) {
      await writeFile(join(folder, FILE), bent, { mode: 0o600 });
      expect(await codeOf(loadOrCreateGooglePki(folder, fixedSurroundings()))).to.equal('KEY_FILE_INVALID');
    }
  });
});

async function codeOf(loading: Promise<unknown>): Promise<string | undefined> {
  return loading.then(
    () => undefined,
    (fault: unknown) => (fault instanceof Fault ? fault.code : 'no fault'),
  );
}
