import { ENDORSEMENT_KINDS, type EndorsementKind } from '../attestation/evidence.ts';

/**
 * How endorsements lie in a folder: one a file, the kind in the ending, the rest of the name for people. The cache that
 * `cloister endorsements` keeps and the folder that a host reads are the same.
 */
const SUFFIXES: Readonly<Record<EndorsementKind, string>> = {
  certificate: '.cert.der',
  crl: '.crl.der',
  'snp-certificate-table': '.snp-table.bin',
  'intel-collateral': '.intel-collateral.json',
  'jwk-set': '.jwks.json',
};

/** The kind of endorsement that a file of this name holds; `undefined` for a name that is no endorsement's. */
export function endorsementKindOf(fileName: string): EndorsementKind | undefined {
  return ENDORSEMENT_KINDS.find((kind) => fileName.length > SUFFIXES[kind].length && fileName.endsWith(SUFFIXES[kind]));
}

/** The name of a file for an endorsement. `stem` says which one it is: letters, digits, `-` and `_`. */
export function endorsementFileName(stem: string, kind: EndorsementKind): string {
  return `${stem}${SUFFIXES[kind]}`;
}
