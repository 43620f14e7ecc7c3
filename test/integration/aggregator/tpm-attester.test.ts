import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { chooseAttester } from '#enclave/attester/attesters.ts';
import type { AttesterOptions } from '#enclave/attester/driver.ts';
import { nodeAttesterPorts } from '#enclave/attester/transport/node-ports.ts';
import type { Attestation, Attester } from '#enclave/ports/attester.ts';
import { type SoftwareTpm, startSwtpm } from '#infra/emulator/devices/swtpm.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { parseTpmDocument } from '#shared/attestation/tpm/document.ts';
import { parseAttestationKey } from '#shared/attestation/tpm/key.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { attesterFailure, attesterMissing } from '#test/fakes/tee/emulated-devices.ts';
import { requireSwtpm } from '#test/fakes/tee/swtpm.ts';

const AT_MS = Date.parse('2026-11-20T12:00:00Z');
const REPORT_DATA = new Uint8Array(64).fill(5);
const KEY_HANDLE = '0x81010002';
const EXTENDED = 'ab'.repeat(32);
const QUOTES = 20;

describe('the TPM adapter on a TPM in software', () => {
  const { TMPDIR } = process.env;
  let folder: string;
  let tpm: SoftwareTpm;
  before(async function () {
    requireSwtpm(this);
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    await mkdir(join(folder, 'state'));
    await mkdir(join(folder, 'temporary'));
    process.env['TMPDIR'] = join(folder, 'temporary');
    tpm = await startSwtpm(join(folder, 'state'), folder);
    await tpm.run('tpm2_pcrextend', [`7:sha256=${EXTENDED}`]);
  });
  after(async () => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
    await tpm?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  const open = (options: AttesterOptions = {}): Promise<Attester> => {
    const ports = nodeAttesterPorts(nodeCrypto, process.env['PATH'] ?? '');
    return chooseAttester('tpm-quote', { tcti: tpm.tcti, ...options }, ports);
  };
  const keyOf = ({ document }: Attestation): string =>
    toHex(nodeCrypto.digest('sha256', parseAttestationKey(parseTpmDocument(document).ak).spki));
  const verify = (given: Attestation, ...pinned: readonly string[]) => {
    const anchors = pinned.map(
      (sha256): Anchor => ({ kind: 'key', name: 'enrolled', platform: 'tpm-quote', sha256, emulated: true }),
    );
    return verifyEvidence({ platform: 'tpm-quote', ...given }, { anchors, atMs: AT_MS, crypto: nodeCrypto });
  };

  it('gives quotes by a key of its own that verify under that key and bind the report data', async () => {
    const attester = await open();
    const given = await attester.attest(REPORT_DATA);
    const result = await verify(given, keyOf(given));
    if (result.kind === 'refused') throw new Error(JSON.stringify(result.reasons));
    expect(result.claims.reportData).to.deep.equal(nodeCrypto.digest('sha256', REPORT_DATA));
    const pcr7 = nodeCrypto.digest('sha256', new Uint8Array(32), new Uint8Array(32).fill(0xab));
    expect(result.claims.measurements).to.include({ PCR7: toHex(pcr7), PCR0: '00'.repeat(32) });
    const again = await attester.attest(new Uint8Array(64));
    expect(keyOf(again)).to.equal(keyOf(given));
    expect((await verify(again, keyOf(given))).kind).to.equal('verified');
  });

  it('makes another key at each start, which a pin refuses', async () => {
    const first = await (await open()).attest(REPORT_DATA);
    const second = await (await open()).attest(REPORT_DATA);
    const result = await verify(second, keyOf(first));
    expect(result.kind === 'refused' && result.reasons.map(({ code }) => code)).to.deep.equal(['KEY_UNKNOWN']);
  });

  it('signs by a persistent key, the same at each start', async () => {
    const context = join(folder, 'ek.ctx');
    await tpm.run('tpm2_createek', ['-G', 'rsa', '-c', context]);
    await tpm.run('tpm2_flushcontext', ['-t']);
    const key = join(folder, 'ak.ctx');
    await tpm.run('tpm2_createak', ['-C', context, '-c', key, '-G', 'rsa', '-g', 'sha256', '-s', 'rsassa']);
    await tpm.run('tpm2_flushcontext', ['-t']);
    await tpm.run('tpm2_evictcontrol', ['-c', key, KEY_HANDLE]);
    await tpm.run('tpm2_flushcontext', ['-t']);
    const given = await (await open({ tpmKey: KEY_HANDLE })).attest(REPORT_DATA);
    const later = await (await open({ tpmKey: KEY_HANDLE })).attest(REPORT_DATA);
    expect(keyOf(later)).to.equal(keyOf(given));
    expect((await verify(later, keyOf(given))).kind).to.equal('verified');
  });

  it('leaves no object in the TPM and no folder behind, however often it is asked', async function () {
    this.timeout(60_000);
    const attester = await open();
    const tookMs: number[] = [];
    for (let index = 0; index < QUOTES; index += 1) {
      const startedMs = performance.now();
      await attester.attest(REPORT_DATA);
      tookMs.push(performance.now() - startedMs);
    }
    const [median = 0] = tookMs.toSorted((a, b) => a - b).slice(QUOTES / 2);
    console.log(`      ${median.toFixed(0)} ms median of ${QUOTES} quotes, tools included`);
    // A fourth transient object would not fit into the TPM.
    await open();
    expect(await readdir(tmpdir())).to.deep.equal([]);
  });

  it('says what is missing where no TPM answers', async () => {
    const message = await attesterMissing(open({ tcti: `swtpm:path=${join(folder, 'none')}` }));
    expect(message).to.match(/tpm-quote: no evidence: tpm2_getcap failed \(\d+\)/);
    expect(await attesterFailure(open({ tpmKey: '0x81019999' }))).to.include('tpm2_readpublic');
  });
});
