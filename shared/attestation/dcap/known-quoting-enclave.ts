import { toHex } from '../../bytes/bytes.ts';
import type { Reason } from '../reasons.ts';
import type { Tee } from './quote.ts';
import type { SgxReportBody } from './sgx-report.ts';
import { hasSgxFlag } from './sgx-report.ts';

/** Intel's quoting enclaves, as every QE identity that Intel has published names them. */
const QUOTING_ENCLAVES = {
  SGX: { mrSigner: '8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff', isvProdId: 1 },
  TDX: { mrSigner: 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5', isvProdId: 2 },
} as const satisfies Readonly<Record<Tee, object>>;

/**
 * Whether a quoting enclave is one of Intel's, where no QE identity came to say so. A platform certifies any enclave
 * that holds the provisioning key: with a policy that waives collateral, the host's own would pass for Intel's.
 */
export function knownEnclaveReasons(report: SgxReportBody, tee: Tee): readonly Reason[] {
  const { mrSigner, isvProdId } = QUOTING_ENCLAVES[tee];
  const compared = [
    ['MRSIGNER', toHex(report.mrSigner), mrSigner],
    ['ISVPRODID', `${report.isvProdId}`, `${isvProdId}`],
    ['DEBUG', `${hasSgxFlag(report, 'debug')}`, 'false'],
  ] as const;
  return compared.flatMap(([name, found, wanted]) => {
    const detail = `${name} of the quoting enclave is not that of Intel's`;
    return found === wanted ? [] : [{ code: 'QE_IDENTITY_MISMATCH', detail, found, wanted }];
  });
}
