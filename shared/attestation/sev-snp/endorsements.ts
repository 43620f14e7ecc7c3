import { equalBytes } from '../../bytes/bytes.ts';
import type { Endorsement } from '../evidence.ts';
import { attempt } from '../malformed.ts';
import type { Reason, ReasonCode } from '../reasons.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { parseCrl } from '../x509/crl.ts';
import { parseCertificateTable } from './certificate-table.ts';
import type { AuthorityRole, SnpLeaf } from './certificates.ts';
import { authorityRole, readLeaf } from './certificates.ts';

/**
 * Most certificates and revocation lists that are looked at, the same one twice counting once: three make a chain, a
 * host may add those of the other kind of key. AMD publishes a list for VCEKs and one for VLEKs. `copies` bounds what
 * is compared to find those that come twice.
 */
export const SNP_ENDORSEMENT_LIMITS = { certificates: 8, crls: 4, copies: 2 } as const;

/** An authority, and what its name says that it is for. */
export interface SnpAuthority {
  readonly certificate: Certificate;
  readonly role: AuthorityRole | undefined;
}

/** What came with a report, sorted by what each certificate looks like. Nothing in it is trusted yet. */
export interface SnpEndorsements {
  readonly leaves: readonly SnpLeaf[];
  /** Authorities that name another issuer than themselves: AMD's ASK and ASVK. */
  readonly authorities: readonly SnpAuthority[];
  readonly roots: readonly SnpAuthority[];
  readonly crls: readonly Crl[];
  /** What could not be read. It is never passed over: it might be what the rest should be judged by. */
  readonly reasons: readonly Reason[];
}

/**
 * Reads endorsements in any order, and out of certificate tables. A certificate or list that comes twice counts once;
 * a certificate that belongs to another chain is let be. Too many, broken ones and other kinds are reasons.
 */
export function readSnpEndorsements(endorsements: readonly Endorsement[]): SnpEndorsements {
  const found = collect(endorsements);
  const { certificates: certificatesMax, crls: crlsMax } = SNP_ENDORSEMENT_LIMITS;
  const certificates = parseAll(found.certificates, certificatesMax, 'CHAIN_INVALID', readCertificate);
  const crls = parseAll(found.crls, crlsMax, 'CRL_INVALID', parseCrl);
  return {
    leaves: certificates.values.flatMap((each) => (each.kind === 'leaf' ? [each.leaf] : [])),
    authorities: certificates.values.flatMap((each) => (each.kind === 'authority' ? [each] : [])),
    roots: certificates.values.flatMap((each) => (each.kind === 'root' ? [each] : [])),
    crls: crls.values,
    reasons: [...found.reasons, ...certificates.reasons, ...crls.reasons],
  };
}

interface Collected {
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly reasons: readonly Reason[];
}

function collect(endorsements: readonly Endorsement[]): Collected {
  const each = endorsements.map(({ kind, bytes }): Collected => {
    if (kind === 'certificate') return { certificates: [bytes], crls: [], reasons: [] };
    if (kind === 'crl') return { certificates: [], crls: [bytes], reasons: [] };
    if (kind !== 'snp-certificate-table') {
      const detail = `an endorsement of kind ${kind} next to an SNP report`;
      return { certificates: [], crls: [], reasons: [{ code: 'MALFORMED', detail }] };
    }
    const table = attempt(() => parseCertificateTable(bytes));
    if (table.kind === 'parsed') return { ...table.value, reasons: [] };
    return { certificates: [], crls: [], reasons: [table.reason] };
  });
  return {
    certificates: each.flatMap(({ certificates }) => certificates),
    crls: each.flatMap(({ crls }) => crls),
    reasons: each.flatMap(({ reasons }) => reasons),
  };
}

function distinct(all: readonly Uint8Array[]): readonly Uint8Array[] {
  return all.filter((bytes, index) => all.findIndex((other) => equalBytes(other, bytes)) === index);
}

function parseAll<T>(
  all: readonly Uint8Array[],
  most: number,
  code: ReasonCode,
  parse: (der: Uint8Array) => T,
): { readonly values: readonly T[]; readonly reasons: readonly Reason[] } {
  const ders = all.length > SNP_ENDORSEMENT_LIMITS.copies * most ? all : distinct(all);
  if (ders.length > most) {
    const detail = `${ders.length} endorsements of one kind next to an SNP report; at most ${most}`;
    return { values: [], reasons: [{ code: 'MALFORMED', detail }] };
  }
  const parsed = ders.map((der) => attempt(() => parse(der)));
  return {
    values: parsed.flatMap((each) => (each.kind === 'parsed' ? [each.value] : [])),
    reasons: parsed.flatMap((each) => (each.kind === 'refused' ? [{ code, detail: each.reason.detail }] : [])),
  };
}

type Sorted =
  | { readonly kind: 'leaf'; readonly leaf: SnpLeaf }
  | ({ readonly kind: 'authority' | 'root' } & SnpAuthority);

/**
 * AMD's authorities have RSA keys and its chips EC keys, so the key tells them apart, whatever a certificate claims to
 * be; the name does where a chip's certificate holds another key. What each may do is for the path to show.
 */
function readCertificate(der: Uint8Array): Sorted {
  const certificate = parseCertificate(der);
  const leaf = readLeaf(certificate);
  if (certificate.key.kind !== 'rsa' || leaf.kind !== undefined) return { kind: 'leaf', leaf };
  const kind = equalBytes(certificate.issuer, certificate.subject) ? 'root' : 'authority';
  return { kind, certificate, role: authorityRole(certificate) };
}
