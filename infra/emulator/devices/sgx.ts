import { join } from 'node:path';
import { toHex } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { mintQuote } from '../intel/quote.ts';
import { sgxReport } from '../intel/report.ts';
import { GRAMINE_ROOT, gramineAttestation } from '../kernel/gramine-attestation.ts';
import { preloadFlags, serveKernel } from '../kernel/server.ts';
import { writeEndorsements } from './endorsement-files.ts';
import { intelMachine } from './intel-machine.ts';

/** Initialised, 64-bit; XFRM as Gramine asks for it. */
const ATTRIBUTES = Uint8Array.of(0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0);

/** Intel SGX below Gramine, which shows quotes as a file. The bundle is MRENCLAVE; the collateral goes to the host. */
export const sgxDevice: DeviceMaker = async (place) => {
  const { machine, collateral, rootSha256 } = await intelMachine('SGX', place);
  const { runFolder, measured } = place;
  const mrEnclave = measured.bundle.sha256;
  const enclave = { cpuSvn: machine.platform.cpuSvn, attributes: ATTRIBUTES, mrEnclave };
  const tree = gramineAttestation((reportData) =>
    mintQuote(machine, { version: 3, report: sgxReport({ ...enclave, reportData }) }),
  );
  const endorsementsFolder = await writeEndorsements(runFolder, { 'emulated-sgx': collateral });
  const kernel = await serveKernel([{ root: GRAMINE_ROOT, tree }], join(runFolder, 'kernel.sock'));
  const platform = 'intel-sgx';
  return {
    platform,
    policy: {
      enclaves: [{ name: 'the bundle that runs', platform, measurements: { MRENCLAVE: toHex(mrEnclave) } }],
      roots: [{ name: 'EMULATED Intel root of this machine', platform, sha256: rootSha256, emulated: true }],
    },
    flags: ['--attester', platform],
    socketPath: kernel.socketPath,
    access: { nodeFlags: preloadFlags(kernel) },
    endorsementsFolder,
    close: kernel.close,
  };
};
