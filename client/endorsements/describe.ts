import { type Static, Type } from '@sinclair/typebox';
import { type CollateralParts, parseCollateralParts } from '#shared/attestation/dcap/collateral-json.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { attempt, malformed, type Parsed } from '#shared/attestation/malformed.ts';
import type { Platform } from '#shared/attestation/platforms.ts';
import { parseCertificateTable } from '#shared/attestation/sev-snp/certificate-table.ts';
import { authorityRole, readLeaf, type SnpLeaf } from '#shared/attestation/sev-snp/certificates.ts';
import { SNP_PRODUCTS, type SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import { type Certificate, parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { commonName } from '#shared/attestation/x509/common-name.ts';
import { parseCrl } from '#shared/attestation/x509/crl.ts';
import { nameText } from '#shared/attestation/x509/name.ts';
import { fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { kdsTcb } from './kds-tcb.ts';

/** What an endorsement is for, as far as evidence is matched with it. */
export type EndorsementSubject =
  | { readonly kind: 'amd-authority'; readonly product: SnpProduct; readonly role: 'ark' | 'ask' | 'asvk' }
  | { readonly kind: 'amd-leaf'; readonly leaf: SnpLeaf }
  | { readonly kind: 'amd-crl'; readonly product: SnpProduct }
  | { readonly kind: 'amd-table'; readonly leaf: SnpLeaf }
  | { readonly kind: 'intel-collateral'; readonly tee: 'SGX' | 'TDX'; readonly fmspc: string }
  | { readonly kind: 'keys' }
  | { readonly kind: 'other' };

/** An endorsement by what it says of itself. None of it is verified. */
export interface DescribedEndorsement {
  readonly endorsement: Endorsement;
  readonly subject: EndorsementSubject;
  /** Of the evidence that it is for; `undefined` where any could be. */
  readonly platform: Platform | undefined;
  /** In words. */
  readonly about: string;
  /** The name of its file in a cache, without the ending: the same for whatever takes its place later. */
  readonly stem: string;
  /** First and last second of its validity, ms since 1970; `undefined` for what has none. */
  readonly valid: { readonly fromMs: number; readonly untilMs: number } | undefined;
}

/** Reads what an endorsement is for; refused are bytes that are not of its kind. */
export function describeEndorsement(endorsement: Endorsement, crypto: CryptoPort): Parsed<DescribedEndorsement> {
  return attempt(() => {
    const description = descriptionOf(endorsement, crypto);
    return { endorsement, platform: platformOf(description.subject), ...description };
  });
}

function platformOf(subject: EndorsementSubject): Platform | undefined {
  if (subject.kind === 'keys' || subject.kind === 'other') return undefined;
  if (subject.kind === 'intel-collateral') return subject.tee === 'TDX' ? 'intel-tdx' : 'intel-sgx';
  return 'amd-sev-snp';
}

function descriptionOf({ kind, bytes }: Endorsement, crypto: CryptoPort): Description {
  switch (kind) {
    case 'certificate':
      return describeCertificate(bytes, crypto);
    case 'crl':
      return describeCrl(bytes);
    case 'snp-certificate-table':
      return describeTable(bytes);
    case 'intel-collateral':
      return describeCollateral(bytes);
    case 'jwk-set':
      return describeKeys(bytes, crypto);
  }
}

type Description = Omit<DescribedEndorsement, 'endorsement' | 'platform'>;

function describeCertificate(der: Uint8Array, crypto: CryptoPort): Description {
  const certificate = parseCertificate(der);
  const valid = spanOfCertificate(certificate);
  const role = authorityRole(certificate);
  if (role !== undefined) return { ...describeAuthority(role), valid };
  const leaf = readLeaf(certificate);
  if (leaf.kind !== undefined && leaf.product !== undefined) return { ...describeLeaf(leaf, leaf.product), valid };
  const about = nameText(certificate.subject);
  return { subject: { kind: 'other' }, about, stem: `${slug(nameOf(certificate))}-${shortDigest(der, crypto)}`, valid };
}

function describeAuthority({
  role,
  product,
}: NonNullable<ReturnType<typeof authorityRole>>): Omit<Description, 'valid'> {
  const name = { root: 'ark', VCEK: 'ask', VLEK: 'asvk' } as const;
  return {
    subject: { kind: 'amd-authority', product, role: name[role] },
    about: `AMD ${name[role].toUpperCase()} of ${product}`,
    stem: `amd-${slug(product)}-${name[role]}`,
  };
}

function describeLeaf(leaf: SnpLeaf, product: SnpProduct): Omit<Description, 'valid'> {
  const holder = leaf.hwId === undefined ? slug(leaf.cspId ?? 'unknown') : toHex(leaf.hwId).slice(0, 16);
  const tcb = kdsTcb(product, leaf.spls).map(([, version]) => version);
  return {
    subject: { kind: 'amd-leaf', leaf },
    about: `AMD ${leaf.kind} of ${product}, ${leaf.hwId === undefined ? 'provider' : 'chip'} ${holder}, TCB ${tcb.join(',')}`,
    stem: `amd-${slug(product)}-${slug(leaf.kind ?? 'leaf')}-${holder}-${tcb.join('-')}`,
  };
}

function describeCrl(der: Uint8Array): Description {
  const { issuer, issuerText, thisUpdateMs, nextUpdateMs } = parseCrl(der);
  const valid = { fromMs: thisUpdateMs, untilMs: nextUpdateMs };
  const name = commonName(issuer) ?? issuerText;
  const product = SNP_PRODUCTS.find((each) => [`ARK-${each}`, `SEV-${each}`, `SEV-VLEK-${each}`].includes(name));
  const subject = product === undefined ? ({ kind: 'other' } as const) : ({ kind: 'amd-crl', product } as const);
  return { subject, about: `revocation list of ${issuerText}`, stem: slug(name), valid };
}

/** A table without a key's certificate is no help to any report. */
function describeTable(bytes: Uint8Array): Description {
  const leaves = parseCertificateTable(bytes).certificates.map((der) => readLeaf(parseCertificate(der)));
  const [first] = leaves.flatMap((leaf) =>
    leaf.kind === undefined || leaf.product === undefined ? [] : [{ leaf, ...describeLeaf(leaf, leaf.product) }],
  );
  if (first === undefined) return malformed('SNP certificate table without a certificate of a key that signs reports');
  const { about, stem, leaf } = first;
  const valid = spanOf(leaves.map(({ certificate }) => spanOfCertificate(certificate)));
  return { subject: { kind: 'amd-table', leaf }, about: `certificate table: ${about}`, stem, valid };
}

const issued = { issueDate: Type.String(), nextUpdate: Type.String() };
const FMSPC = /^[0-9a-fA-F]{12}$/;
const TcbInfoSchema = Type.Object({ ...issued, fmspc: Type.RegExp(FMSPC), id: Type.Optional(Type.String()) });
const IdentitySchema = Type.Object(issued);

function describeCollateral(bytes: Uint8Array): Description {
  const parts = parseCollateralParts(bytes);
  const tcbInfo = decodeJson(TcbInfoSchema, utf8(parts.tcb_info), bytes.length);
  const identity = decodeJson(IdentitySchema, utf8(parts.qe_identity), bytes.length);
  if (tcbInfo === undefined || identity === undefined) return malformed('collateral without TCB info or QE identity');
  const tee = tcbInfo.id === 'TDX' ? 'TDX' : 'SGX';
  const fmspc = tcbInfo.fmspc.toLowerCase();
  return {
    subject: { kind: 'intel-collateral', tee, fmspc },
    about: `Intel collateral for ${tee}, FMSPC ${fmspc}`,
    stem: `intel-${slug(tee)}-${fmspc}`,
    valid: spanOf([spanOfIssued(tcbInfo), spanOfIssued(identity), ...crlSpans(parts)]),
  };
}

function spanOfIssued({ issueDate, nextUpdate }: Static<typeof IdentitySchema>): Span {
  const [fromMs, untilMs] = [Date.parse(issueDate), Date.parse(nextUpdate)];
  return Number.isFinite(fromMs) && Number.isFinite(untilMs)
    ? { fromMs, untilMs }
    : malformed('collateral without times');
}

/** Lists in PEM are left to the verifier: the services give DER, which is kept as hexadecimal. */
function crlSpans({ pck_crl: pck, root_ca_crl: root }: CollateralParts): readonly Span[] {
  return [pck, root].flatMap((hex) => {
    const der = fromHex((hex ?? '').toLowerCase());
    if (der === undefined || der.length === 0) return [];
    const { thisUpdateMs, nextUpdateMs } = parseCrl(der);
    return [{ fromMs: thisUpdateMs, untilMs: nextUpdateMs }];
  });
}

const KeySetSchema = Type.Object({ keys: Type.Array(Type.Object({ kid: Type.Optional(Type.String()) })) });

function describeKeys(bytes: Uint8Array, crypto: CryptoPort): Description {
  const set = decodeJson(KeySetSchema, bytes, bytes.length);
  if (set === undefined) return malformed('key set that is no JSON object with keys');
  const ids = set.keys.map(({ kid }) => (kid ?? 'no id').replace(/[^\x20-\x7e]/g, '?').slice(0, 32));
  const about = `${ids.length} keys of a token issuer: ${ids.slice(0, 4).join(', ')}`;
  return { subject: { kind: 'keys' }, about, stem: `keys-${shortDigest(bytes, crypto)}`, valid: undefined };
}

type Span = NonNullable<Description['valid']>;

function spanOfCertificate({ notBeforeMs, notAfterMs }: Certificate): Span {
  return { fromMs: notBeforeMs, untilMs: notAfterMs };
}

function spanOf(spans: readonly Span[]): Span | undefined {
  if (spans.length === 0) return undefined;
  return {
    fromMs: Math.max(...spans.map(({ fromMs }) => fromMs)),
    untilMs: Math.min(...spans.map(({ untilMs }) => untilMs)),
  };
}

function nameOf({ subject }: Certificate): string {
  return commonName(subject) ?? 'certificate';
}

/** Lower-case letters, digits and `-`, so that every file system takes it. */
function slug(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 64) || 'unnamed'
  );
}

function shortDigest(bytes: Uint8Array, crypto: CryptoPort): string {
  return toHex(crypto.digest('sha256', bytes)).slice(0, 12);
}
