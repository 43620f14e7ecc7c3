import { utf8 } from '#shared/bytes/bytes.ts';
import { type PseudoFile, type PseudoTree, systemError } from './pseudo-file.ts';

/** Where Gramine has it. */
export const GRAMINE_ROOT = '/dev/attestation';
const REPORT_DATA_BYTES = 64;

/**
 * `/dev/attestation` of Gramine, as far as remote attestation needs it (its documentation, "Attestation and secret
 * provisioning"): `user_report_data` is one for the whole enclave, padded with zeros or cut at 64 bytes, and `quote` is
 * made over it whenever it is opened.
 * @param quote makes a DCAP quote over 64 bytes; may throw a system error
 */
export function gramineAttestation(quote: (reportData: Uint8Array) => Promise<Uint8Array>): PseudoTree {
  const reportData = new Uint8Array(REPORT_DATA_BYTES);
  const readOnly = { takes: 'each-write', bytesMax: 0 } as const;
  const files = new Map<string, PseudoFile>([
    ['attestation_type', { read: async () => utf8('dcap'), ...readOnly }],
    [
      'user_report_data',
      {
        read: async () => reportData.slice(),
        write: async (bytes) => {
          reportData.fill(0);
          reportData.set(bytes.slice(0, REPORT_DATA_BYTES));
        },
        takes: 'all-at-close',
        bytesMax: Number.MAX_SAFE_INTEGER,
      },
    ],
    ['quote', { read: () => quote(reportData.slice()), ...readOnly }],
  ]);
  return {
    find: (path) => (path === '' ? 'directory' : files.get(path)),
    list: () => [...files.keys()],
    makeDirectory() {
      throw systemError('EACCES');
    },
    removeDirectory() {
      throw systemError('EACCES');
    },
  };
}
