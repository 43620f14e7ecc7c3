import { toHex } from '../../bytes/bytes.ts';
import { malformed } from '../malformed.ts';

/**
 * Entries of the table that a host hands a guest with its report, by GUID (AMD 56421, "SNP Extended Guest Request"):
 * the hex of its 16 bytes in the order in which the table stores them, which is that of the GUID's text. `ask` stands
 * for the authority over VLEKs as well.
 */
export const TABLE_GUIDS = {
  vcek: '63da758de6644564adc5f4b93be8accd',
  vlek: 'a8074bc2a25a483eaae639c045a0b8a1',
  ask: '4ab7b379bbac4fe4a02f05aef327c782',
  ark: 'c0b406a4a803495297433fb6014cd0ae',
  crl: '92f81bc358114d3d97ffd19f88dc67ea',
} as const;

/** What of a table is used here, in its order: views of the input. */
export interface CertificateTable {
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
}

/** GUID, offset from the start of the table, length; both little-endian. */
const ENTRY_BYTES = 24;
const GUID_BYTES = 16;

/** Bound of ours; AMD defines six entries, and hosts may add their own. */
const MAX_ENTRIES = 16;

/**
 * Parses a table: entries up to one of zeros, then what they point at. Entries that AMD does not define are let be.
 * The kernel hands out whole pages, so zeros may follow; entries are found by their offsets. Throws `MalformedInput`.
 */
export function parseCertificateTable(bytes: Uint8Array): CertificateTable {
  const entries = readEntries(bytes);
  const headerBytes = (entries.length + 1) * ENTRY_BYTES;
  const certificates: Uint8Array[] = [];
  const crls: Uint8Array[] = [];
  // Entries that share bytes would make more of a table than it is.
  if (entries.reduce((sum, { length }) => sum + length, headerBytes) > bytes.length) {
    malformed('SNP certificate table whose entries overlap or run past its end');
  }
  for (const { guid, offset, length } of entries) {
    if (offset < headerBytes || length === 0 || offset + length > bytes.length) {
      malformed(`SNP certificate table with an entry of ${length} bytes at ${offset}, of ${bytes.length} in all`);
    }
    const content = bytes.subarray(offset, offset + length);
    if (guid === TABLE_GUIDS.crl) crls.push(content);
    else if (CERTIFICATE_GUIDS.includes(guid)) certificates.push(content);
  }
  return { certificates, crls };
}

const CERTIFICATE_GUIDS: readonly string[] = [TABLE_GUIDS.vcek, TABLE_GUIDS.vlek, TABLE_GUIDS.ask, TABLE_GUIDS.ark];

interface Entry {
  readonly guid: string;
  readonly offset: number;
  readonly length: number;
}

function readEntries(bytes: Uint8Array): readonly Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Entry[] = [];
  for (let start = 0; ; start += ENTRY_BYTES) {
    if (start + ENTRY_BYTES > bytes.length) malformed('SNP certificate table without an end');
    const raw = bytes.subarray(start, start + ENTRY_BYTES);
    if (raw.every((byte) => byte === 0)) return entries;
    if (entries.length === MAX_ENTRIES) malformed(`SNP certificate table of more than ${MAX_ENTRIES} entries`);
    entries.push({
      guid: toHex(raw.subarray(0, GUID_BYTES)),
      offset: view.getUint32(start + GUID_BYTES, true),
      length: view.getUint32(start + GUID_BYTES + 4, true),
    });
  }
}
