import { expect } from 'chai';
import { ATTESTER_WAITING_MAX, oneAtATime } from '#enclave/attester/one-at-a-time.ts';
import type { Attestation } from '#enclave/ports/attester.ts';
import { concat } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault, InvariantFault } from '#shared/fault/fault.ts';
import { attesterFailure, EagerTimers } from '#test/fakes/tee/emulated-devices.ts';

const REPORT_DATA = new Uint8Array(64).fill(5);
const GIVEN: Attestation = { document: concat(Uint8Array.of(1), REPORT_DATA), endorsements: [] };

describe('oneAtATime', () => {
  let clock: EagerTimers;
  let asked: Uint8Array[];
  let turns: PromiseWithResolvers<Attestation>[];
  beforeEach(() => {
    clock = new EagerTimers();
    asked = [];
    turns = [];
  });

  const attester = (platform: 'amd-sev-snp' | 'tpm-quote' = 'amd-sev-snp') =>
    oneAtATime(platform, { clock, crypto: nodeCrypto }, (bound) => {
      asked.push(bound);
      const turn = Promise.withResolvers<Attestation>();
      turns.push(turn);
      return turn.promise;
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('asks for all the report data where evidence can bind it, and for its SHA-256 where it cannot', async () => {
    void attester('amd-sev-snp').attest(REPORT_DATA);
    void attester('tpm-quote').attest(REPORT_DATA);
    await settled();
    expect(asked).to.deep.equal([REPORT_DATA, nodeCrypto.digest('sha256', REPORT_DATA)]);
  });

  it('asks for what the report data was when it was called', async () => {
    const device = attester();
    void device.attest(REPORT_DATA);
    const second = REPORT_DATA.slice();
    void device.attest(second);
    second.fill(0);
    await settled();
    turns[0]?.resolve(GIVEN);
    await settled();
    expect(asked[1]).to.deep.equal(REPORT_DATA);
  });

  for (const [what, document] of [
    ['an earlier request', concat(Uint8Array.of(1), new Uint8Array(64).fill(4))],
    ['a part of what was asked', concat(Uint8Array.of(1), REPORT_DATA.slice(1))],
    ['nothing', new Uint8Array(0)],
  ] as const) {
    it(`fails on evidence over ${what}`, async () => {
      const device = attester();
      const given = device.attest(REPORT_DATA);
      await settled();
      turns[0]?.resolve({ document, endorsements: [] });
      expect(await attesterFailure(given)).to.include('does not hold the report data that the device was asked for');
      const next = device.attest(REPORT_DATA);
      await settled();
      turns[1]?.resolve(GIVEN);
      expect(await next).to.equal(GIVEN);
    });
  }

  it('has one request under way at a time, also after one that failed', async () => {
    const device = attester();
    const failing = device.attest(REPORT_DATA).catch((error: unknown) => error);
    const next = device.attest(REPORT_DATA);
    await settled();
    expect(turns).to.have.length(1);
    const fault = new Fault('ATTESTER_FAILED', 'broken');
    turns[0]?.reject(fault);
    expect(await failing).to.equal(fault);
    await settled();
    expect(turns).to.have.length(2);
    turns[1]?.resolve(GIVEN);
    expect(await next).to.equal(GIVEN);
    await settled();
    expect(clock.pending).to.equal(0);
  });

  it('tells those who wait when the device stays silent, and keeps its turn for it', async () => {
    const device = attester();
    const waiting = [device.attest(REPORT_DATA), device.attest(REPORT_DATA)].map(attesterFailure);
    await settled();
    clock.fireLong();
    for (const message of await Promise.all(waiting)) expect(message).to.include('did not answer within 90000 ms');
    expect(turns).to.have.length(1);
    const later = device.attest(REPORT_DATA);
    turns[0]?.resolve(GIVEN);
    await settled();
    turns[1]?.resolve(GIVEN);
    await settled();
    turns[2]?.resolve(GIVEN);
    expect(await later).to.equal(GIVEN);
  });

  it('refuses a request when too many wait', async () => {
    const device = attester();
    for (let index = 0; index < ATTESTER_WAITING_MAX; index += 1) void device.attest(REPORT_DATA);
    expect(await attesterFailure(device.attest(REPORT_DATA))).to.include('16 requests wait already');
  });

  it('takes report data of 64 bytes only', () => {
    for (const length of [0, 63, 65]) {
      expect(() => attester().attest(new Uint8Array(length))).to.throw(InvariantFault, `${length} bytes`);
    }
  });
});
