import {
  ENDORSEMENT_KINDS,
  type Endorsement,
  type EndorsementKind,
  EVIDENCE_LIMITS,
} from '#shared/attestation/evidence.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { decodePem, type PemLabel } from '#shared/attestation/x509/pem.ts';
import { textOf } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { type DescribedEndorsement, describeEndorsement } from './describe.ts';

/** What a PEM block of a label holds. */
const LABELS: readonly (readonly [PemLabel, EndorsementKind])[] = [
  ['CERTIFICATE', 'certificate'],
  ['X509 CRL', 'crl'],
];

/**
 * The endorsements in a file of whatever form: certificates and revocation lists in DER or PEM, Intel's collateral and
 * key sets in JSON, an SNP certificate table. Empty for anything else. No bytes can be read as two kinds.
 */
export function recogniseEndorsements(bytes: Uint8Array, crypto: CryptoPort): readonly DescribedEndorsement[] {
  const possible = blocksIn(bytes) ?? ENDORSEMENT_KINDS.map((kind) => ({ kind, bytes }));
  return possible.flatMap((endorsement) => {
    const described = describeEndorsement(endorsement, crypto);
    return described.kind === 'parsed' ? [described.value] : [];
  });
}

function blocksIn(bytes: Uint8Array): readonly Endorsement[] | undefined {
  const text = textOf(bytes);
  if (text === undefined) return undefined;
  for (const [label, kind] of LABELS) {
    const blocks = attempt(() => decodePem(text, label, EVIDENCE_LIMITS.endorsements));
    if (blocks.kind === 'parsed') return blocks.value.map((der) => ({ kind, bytes: der }));
  }
  return undefined;
}
