import { toHex } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { mintQuote } from '../intel/quote.ts';
import { sgxReport } from '../intel/report.ts';
import { GRAMINE_ROOT, gramineAttestation } from '../kernel/gramine-attestation.ts';
import { intelMachine } from './intel-machine.ts';
import { kernelDevice } from './kernel-device.ts';

/** Initialised, 64-bit; XFRM as Gramine asks for it. */
const ATTRIBUTES = Uint8Array.of(0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0);

/** Intel SGX below Gramine, which shows quotes as a file. The bundle is MRENCLAVE; the collateral goes to the host. */
export const sgxDevice: DeviceMaker = async (place) => {
  const { machine, collateral, root } = await intelMachine('SGX', place);
  const mrEnclave = place.measured.bundle.sha256;
  const enclave = { cpuSvn: machine.platform.cpuSvn, attributes: ATTRIBUTES, mrEnclave };
  const tree = gramineAttestation((reportData) =>
    mintQuote(machine, { version: 3, report: sgxReport({ ...enclave, reportData }) }),
  );
  return kernelDevice(place, {
    platform: 'intel-sgx',
    mount: { root: GRAMINE_ROOT, tree },
    accepted: { measurements: { MRENCLAVE: toHex(mrEnclave) } },
    root,
    endorsements: { 'emulated-sgx': collateral },
  });
};
