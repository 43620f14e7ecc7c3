import { absence, readDeviceFile, readDeviceText, writeDeviceFile } from './device-file.ts';
import type { AttesterDriver } from './driver.ts';
import { attesterFailed, failedAt, failureText } from './failure.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** Where Gramine shows its pseudo-files. Each process has its own, so nobody else writes there. */
const GRAMINE_FOLDER = '/dev/attestation';

/** Intel SGX inside Gramine, which asks the platform's quoting enclave for a DCAP quote. */
export const sgxGramineAttester: AttesterDriver = {
  platform: 'intel-sgx',
  async missing({ files }, { device = GRAMINE_FOLDER }) {
    const path = `${device}/attestation_type`;
    const absent = await absence(files, path);
    if (absent !== undefined) return absent;
    try {
      const type = await readDeviceText(files, path);
      return type === 'dcap' ? undefined : `${path} is not dcap; set sgx.remote_attestation in Gramine's manifest`;
    } catch (cause) {
      return failureText(path, cause);
    }
  },
  async open(ports, { device = GRAMINE_FOLDER }) {
    return oneAtATime('intel-sgx', ports, async (reportData) => {
      try {
        await writeDeviceFile(ports.files, `${device}/user_report_data`, reportData);
        const document = await readDeviceFile(ports.files, `${device}/quote`);
        if (document.length === 0) throw attesterFailed(`${device}/quote is empty`);
        return { document, endorsements: [] };
      } catch (cause) {
        throw failedAt(`a quote from ${device}`, cause);
      }
    });
  },
};
