import { TABLE_GUIDS } from '#shared/attestation/sev-snp/certificate-table.ts';
import { concat, fromHex } from '#shared/bytes/bytes.ts';
import { assert } from '#shared/fault/fault.ts';
import type { SnpChip } from './chip.ts';

/** One entry: a name of {@link TABLE_GUIDS}, or any other GUID in hex. */
export interface TableEntry {
  readonly guid: string;
  readonly content: Uint8Array;
}

const ENTRY_BYTES = 24;

/** The table that a host hands a guest beside its report (AMD 56421); the kernel shows it as `auxblob`. */
export function writeCertificateTable(entries: readonly TableEntry[]): Uint8Array {
  let offset = (entries.length + 1) * ENTRY_BYTES;
  const header = entries.map(({ guid, content }) => {
    const known = fromHex(guid);
    assert(known?.length === 16, 'a GUID is not 16 bytes of hex');
    const numbers = new DataView(new ArrayBuffer(8));
    numbers.setUint32(0, offset, true);
    numbers.setUint32(4, content.length, true);
    offset += content.length;
    return concat(known, new Uint8Array(numbers.buffer));
  });
  return concat(...header, new Uint8Array(ENTRY_BYTES), ...entries.map(({ content }) => content));
}

/** What a well-kept host puts into the table for `chip`: the whole chain, and a revocation list if there is one. */
export function certificateTableOf({ hierarchy, kind, certificate }: SnpChip, crl?: Uint8Array): Uint8Array {
  const { ark, ask, asvk } = hierarchy;
  return writeCertificateTable([
    kind === 'VCEK'
      ? { guid: TABLE_GUIDS.vcek, content: certificate }
      : { guid: TABLE_GUIDS.vlek, content: certificate },
    { guid: TABLE_GUIDS.ask, content: (kind === 'VCEK' ? ask : asvk).certificate },
    { guid: TABLE_GUIDS.ark, content: ark.certificate },
    ...(crl === undefined ? [] : [{ guid: TABLE_GUIDS.crl, content: crl }]),
  ]);
}
