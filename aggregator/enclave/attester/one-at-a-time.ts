import { boundReportData } from '#shared/attestation/binding.ts';
import type { Platform } from '#shared/attestation/platforms.ts';
import { assert } from '#shared/fault/fault.ts';
import type { Attestation, Attester } from '../ports/attester.ts';
import type { AttesterPorts } from './driver.ts';
import { attesterFailed } from './failure.ts';

/** Requests that may wait for their turn; callers share one document, so more means that something loops. */
export const ATTESTER_WAITING_MAX = 16;
/**
 * How long one request may take. The kernel itself waits up to 30 s for a TDX quote and 60 s for a throttled SEV-SNP
 * report before it gives up.
 */
export const ATTESTER_TIMEOUT_MS = 90_000;

const REPORT_DATA_BYTES = 64;

/**
 * An attester that asks its device for one thing at a time, in the order of the calls. `quote` is given what the
 * platform's evidence can bind of the report data: the 64 bytes, or their SHA-256. Evidence that does not hold them,
 * which `holds` says, is a failure: a device may give what it made for somebody else, or before. A device that stays
 * silent keeps its turn, so that no second thread waits behind it; those who wait are told after the time allowed.
 */
export function oneAtATime(
  platform: Platform,
  { clock, crypto }: Pick<AttesterPorts, 'clock' | 'crypto'>,
  quote: (bound: Uint8Array) => Promise<Attestation>,
  holds: (document: Uint8Array, bound: Uint8Array) => boolean = includes,
): Attester {
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  return {
    platform,
    attest(reportData) {
      assert(reportData.length === REPORT_DATA_BYTES, `report data of ${reportData.length} bytes, expected 64`);
      if (waiting >= ATTESTER_WAITING_MAX) return Promise.reject(attesterFailed(`${waiting} requests wait already`));
      waiting += 1;
      const bound = boundReportData(platform, reportData, crypto).slice();
      const turn = last.then(async () => {
        const attestation = await quote(bound);
        if (holds(attestation.document, bound)) return attestation;
        throw attesterFailed('the evidence does not hold the report data that the device was asked for');
      });
      // The next request waits for the end of this one, whichever way it ends; its own caller sees the fault.
      last = turn.then(
        () => (waiting -= 1),
        () => (waiting -= 1),
      );
      return new Promise((resolve, reject) => {
        const late = attesterFailed(`the device did not answer within ${ATTESTER_TIMEOUT_MS} ms`);
        const cancel = clock.after(ATTESTER_TIMEOUT_MS, () => reject(late));
        turn.then(resolve, reject).finally(cancel);
      });
    },
  };
}

/** Anywhere: every format has its own place for them, which whoever verifies looks at. Nobody guesses 32 bytes. */
function includes(document: Uint8Array, bound: Uint8Array): boolean {
  return Buffer.from(document).includes(Buffer.from(bound));
}
