import { parseAzureDocument } from '#shared/attestation/azure/document.ts';
import { parseHclReport } from '#shared/attestation/azure/hcl.ts';
import { splitCertificates } from '#shared/attestation/dcap/certificates.ts';
import { parseSgxQuote, parseTdQuote, type Quote } from '#shared/attestation/dcap/quote.ts';
import { parseSgxExtension, SGX_EXTENSION } from '#shared/attestation/dcap/sgx-extension.ts';
import { CERTIFICATION } from '#shared/attestation/dcap/signature-data.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import { attempt, malformed, type Parsed } from '#shared/attestation/malformed.ts';
import type { LeafKind } from '#shared/attestation/sev-snp/certificates.ts';
import { productOfCpuid, type SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import { parseSnpReport, type SnpReport } from '#shared/attestation/sev-snp/report.ts';
import { type SplName, tcbLayout } from '#shared/attestation/sev-snp/tcb.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { commonName } from '#shared/attestation/x509/common-name.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { describeEndorsement } from './describe.ts';

/** What AMD's endorsements are asked for by. */
export interface AmdNeeds {
  readonly kind: 'amd';
  readonly product: SnpProduct;
  readonly signingKey: LeafKind;
  /** Whose VCEK, in hexadecimal; `undefined` when none is wanted. */
  readonly chipId: string | undefined;
  /** The firmware that the key is for; `undefined` when only the authorities are wanted. */
  readonly tcb: ReadonlyMap<SplName, number> | undefined;
}

/** What Intel's collateral is asked for by. */
export interface IntelNeeds {
  readonly kind: 'intel';
  readonly tee: 'SGX' | 'TDX';
  /** 12 hexadecimal digits. */
  readonly fmspc: string;
  /** The authority over the platform's certificate. */
  readonly ca: 'platform' | 'processor';
}

/** What a vendor must be asked for, so that evidence can be verified. */
export type EndorsementNeeds = AmdNeeds | IntelNeeds;

/** Bytes of a chip's identifier that AMD's service asks for. */
export const CHIP_ID_BYTES: Readonly<Record<SnpProduct, number>> = { Milan: 64, Genoa: 64, Turin: 8 };

/**
 * What `evidence` needs of its vendor, by what it says of itself. `product` helps where an SNP report does not say it.
 * @throws Fault - CONFIG_INVALID for evidence that says it nowhere or needs nothing
 */
export function needsOf(evidence: Evidence, product: SnpProduct | undefined, crypto: CryptoPort): EndorsementNeeds {
  const { platform, document } = evidence;
  switch (platform) {
    case 'amd-sev-snp': {
      const report = valueOf(attempt(() => parseSnpReport(document)));
      return amdNeeds(report, product ?? productIn(evidence, crypto));
    }
    case 'intel-tdx':
      return valueOf(attempt(() => intelNeeds(parseTdQuote(document), 'TDX')));
    case 'intel-sgx':
      return valueOf(attempt(() => intelNeeds(parseSgxQuote(document), 'SGX')));
    case 'azure-cvm':
      return azureNeeds(evidence, product ?? productIn(evidence, crypto));
    default:
      throw new Fault('CONFIG_INVALID', `evidence of ${platform} needs nothing that can be fetched for it`);
  }
}

/** The hardware's report lies within the paravisor's, or a quote beside it. */
function azureNeeds({ document }: Evidence, product: SnpProduct | undefined): EndorsementNeeds {
  const { hcl, tdQuote } = valueOf(attempt(() => parseAzureDocument(document)));
  const { hardware, hardwareReport } = valueOf(attempt(() => parseHclReport(hcl)));
  if (hardware === 'SEV-SNP') return amdNeeds(valueOf(attempt(() => parseSnpReport(hardwareReport))), product);
  if (tdQuote === undefined) throw new Fault('CONFIG_INVALID', 'the evidence holds no quote of its trust domain');
  return valueOf(attempt(() => intelNeeds(parseTdQuote(tdQuote), 'TDX')));
}

function amdNeeds(report: SnpReport, stated: SnpProduct | undefined): AmdNeeds {
  const { signingKey, chipId, cpuid, reportedTcb } = report;
  const product = (cpuid === undefined ? undefined : productOfCpuid(cpuid)) ?? stated;
  if (product === undefined) {
    throw new Fault('CONFIG_INVALID', 'the report does not say which product made it; name it with --product');
  }
  if (signingKey === 'NONE') throw new Fault('CONFIG_INVALID', 'the report is not signed: no endorsement can help it');
  const tcb = new Map(tcbLayout(product).map(({ extension }, index) => [extension, reportedTcb[index] ?? 0]));
  if (signingKey === 'VLEK') return { kind: 'amd', product, signingKey, chipId: undefined, tcb };
  if (chipId.every((byte) => byte === 0)) {
    throw new Fault('CONFIG_INVALID', 'the host masks the chip in the report; take the VCEK from the host itself');
  }
  return { kind: 'amd', product, signingKey, chipId: toHex(chipId.subarray(0, CHIP_ID_BYTES[product])), tcb };
}

/** The product that a certificate beside the report is for. */
function productIn({ endorsements }: Evidence, crypto: CryptoPort): SnpProduct | undefined {
  const products = endorsements.flatMap((endorsement) => {
    const described = describeEndorsement(endorsement, crypto);
    if (described.kind === 'refused') return [];
    const { subject } = described.value;
    if (subject.kind === 'amd-authority' || subject.kind === 'amd-crl') return [subject.product];
    return subject.kind === 'amd-leaf' ? (subject.leaf.product ?? []) : [];
  });
  return products[0];
}

/** Throws `MalformedInput` for a quote without the certificate of its platform. */
function intelNeeds({ proof }: Quote, tee: IntelNeeds['tee']): IntelNeeds {
  const { type, bytes } = proof.certification;
  if (type !== CERTIFICATION.pckChain) {
    malformed('the quote does not hold the certificate of its platform: name --fmspc');
  }
  const certificates = splitCertificates(bytes).map(parseCertificate);
  const leaf = certificates.find(({ extensions }) => extensions.values.has(SGX_EXTENSION));
  const extension = leaf?.extensions.values.get(SGX_EXTENSION);
  if (leaf === undefined || extension === undefined) return malformed('no PCK certificate in the quote');
  const ca = commonName(leaf.issuer) === 'Intel SGX PCK Processor CA' ? 'processor' : 'platform';
  return { kind: 'intel', tee, fmspc: toHex(parseSgxExtension(extension).fmspc), ca };
}

function valueOf<T>(parsed: Parsed<T>): T {
  if (parsed.kind === 'parsed') return parsed.value;
  throw new Fault('CONFIG_INVALID', `the evidence cannot be read: ${parsed.reason.detail}`);
}
