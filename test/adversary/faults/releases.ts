import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { encodeKeyFile, generateParticipantKeys } from '#shared/keys/key-file.ts';
import { signStudy } from '#shared/study/signed-study.ts';
import { flipped } from '#test/fakes/aggregator/flipped.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { sampleAggregator } from '#test/integration/cli/sample-aggregator.ts';
import { codeIn, type Ledger, tell } from './ledger.ts';

/** What `cloister release` says about saved files that somebody changed, left out or sealed to others. */
export function releaseFaults(ledger: Ledger): void {
  let folder = '';
  const at = (name: string): string => join(folder, name);
  const release = (command: string, ...args: readonly string[]) =>
    tell(['release', command, at('saved'), '--study', at('study.json'), ...args], { nowMs: NOW_MS });
  let releases: readonly { readonly envelope: Uint8Array; readonly payload: Uint8Array }[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-faults-'));
    const sample = await sampleAggregator();
    const first = await sample.release(0, new Uint8Array(32));
    const second = await sample.release(1, first.release);
    releases = [first, second, await sample.release(2, second.release)];
    await writeFile(at('study.json'), signStudy(sample.study, sample.coordinator.signing.secretKey, nodeCrypto));
    await writeFile(at('eve.key'), encodeKeyFile(generateParticipantKeys(nodeCrypto)), { mode: 0o600 });
  });
  beforeEach(async () => {
    await rm(at('saved'), { recursive: true, force: true });
    for (const [round, { envelope, payload }] of releases.entries()) {
      await mkdir(at(`saved/${round}`), { recursive: true });
      await writeFile(at(`saved/${round}/statement.json`), envelope);
      await writeFile(at(`saved/${round}/payload.bin`), payload);
    }
  });
  after(() => rm(folder, { recursive: true }));

  it('genuine ones are verified', async () => {
    const { code, stderr } = await release('verify');
    expect(code, stderr).to.equal(0);
  });

  it('one flipped bit of a payload is RELEASE_INVALID, exit code 3', async () => {
    await writeFile(at('saved/1/payload.bin'), flipped(releases[1]?.payload ?? new Uint8Array(1), -1));
    const { code, stderr } = await release('verify');
    ledger.provoked(codeIn(stderr), 'RELEASE_INVALID', stderr);
    expect(code).to.equal(3);
  });

  it('a gap in the chain is RELEASE_UNCHAINED, exit code 3', async () => {
    await rm(at('saved/1'), { recursive: true });
    const { code, stderr } = await release('verify');
    ledger.provoked(codeIn(stderr), 'RELEASE_UNCHAINED', stderr);
    expect(code).to.equal(3);
  });

  it('the key of somebody whom the manifest does not name is RELEASE_SEALED, exit code 1', async () => {
    const { code, stderr } = await release('open', '--key', at('eve.key'), '--out', at('model'));
    ledger.provoked(codeIn(stderr), 'RELEASE_SEALED', stderr);
    expect(code).to.equal(1);
  });
}
