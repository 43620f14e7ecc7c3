import type { Endorsement } from '#shared/attestation/evidence.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { readLeaf, type SnpLeaf } from '#shared/attestation/sev-snp/certificates.ts';
import type { GuestPolicy, PlatformInfo } from '#shared/attestation/sev-snp/flags.ts';
import { productOf } from '#shared/attestation/sev-snp/leaf-match.ts';
import { productOfCpuid, type SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import { parseSnpReport, type SnpReport } from '#shared/attestation/sev-snp/report.ts';
import { tcbOf } from '#shared/attestation/sev-snp/tcb.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { decodePem } from '#shared/attestation/x509/pem.ts';
import { textOf, toHex } from '#shared/bytes/bytes.ts';
import { requiredFile } from './files.ts';
import type { VectorFiles, VectorPlatform } from './vector-platform.ts';

const REPORT = 'report.bin';
const CHAIN = 'chain.pem';
const MAX_CHAIN = 8;

/** Samples of AMD SEV-SNP: a report, its key's certificate, AMD's chain, and a revocation list for some verdicts. */
export const sevSnpVectors: VectorPlatform = {
  caseOf({ files, conditions: { crl } }) {
    // Some verdicts say more of the list behind its name.
    const [list] = crl?.split(' ') ?? [];
    return {
      evidence: {
        platform: 'amd-sev-snp',
        document: requiredFile(files, REPORT),
        endorsements: [
          { kind: 'certificate', bytes: leafFile(files) },
          ...chainOf(files),
          ...(list === undefined ? [] : [{ kind: 'crl', bytes: requiredFile(files, list) } as const]),
        ],
      },
      anchors: [],
      // The collection's default policy asks for no privilege level.
      reference: ({ attributes }) => ({ attributes: { vmpl: attributes['vmpl'] ?? 0 } }),
      ...(list === undefined
        ? { endorsements: { waive: [{ check: 'CRL_MISSING', because: 'the verdict names no revocation list' }] } }
        : {}),
    };
  },
  async fieldsOf(files) {
    const report = attempt(() => parseSnpReport(requiredFile(files, REPORT)));
    const leaf = attempt(() => readLeaf(parseCertificate(leafFile(files))));
    if (report.kind === 'refused' || leaf.kind === 'refused') return undefined;
    const product = productOf(report.value, leaf.value);
    return product === undefined ? undefined : reportFields(report.value, leaf.value, product);
  },
};

function leafFile(files: VectorFiles): Uint8Array {
  return files.get('vlek.der') ?? requiredFile(files, 'vcek.der');
}

/** The certificates of the PEM file; a file that is no PEM goes to the verifier as it is. */
function chainOf(files: VectorFiles): readonly Endorsement[] {
  const bytes = requiredFile(files, CHAIN);
  const parsed = attempt(() => decodePem(textOf(bytes) ?? '', 'CERTIFICATE', MAX_CHAIN));
  const ders = parsed.kind === 'parsed' ? parsed.value : [bytes];
  return ders.map((der) => ({ kind: 'certificate', bytes: der }));
}

function reportFields(report: SnpReport, leaf: SnpLeaf, product: SnpProduct): object {
  const { cpuid } = report;
  return {
    version: report.version,
    guest_svn: report.guestSvn,
    policy_hex: `0x${report.policy.bits.toString(16)}`,
    policy: policyFields(report.policy),
    family_id: toHex(report.familyId),
    image_id: toHex(report.imageId),
    vmpl: report.vmpl,
    // The only algorithm that the parser lets through.
    signature_algo: 1,
    platform_info_hex: `0x${report.platformInfo.bits.toString(16)}`,
    platform_info: platformFields(report.platformInfo),
    author_key_en: report.authorKeyEnabled,
    mask_chip_key: report.chipKeyMasked,
    signing_key: report.signingKey,
    report_data: toHex(report.reportData),
    measurement: toHex(report.measurement),
    host_data: toHex(report.hostData),
    id_key_digest: toHex(report.idKeyDigest),
    author_key_digest: toHex(report.authorKeyDigest),
    report_id: toHex(report.reportId),
    report_id_ma: toHex(report.reportIdMigrationAgent),
    cpuid: cpuid ?? null,
    product_from_cpuid: cpuid === undefined ? null : (productOfCpuid(cpuid) ?? null),
    product_from_certificate: leaf.product ?? null,
    chip_id: toHex(report.chipId),
    current_tcb: tcbFields(product, report.currentTcb),
    reported_tcb: tcbFields(product, report.reportedTcb),
    committed_tcb: tcbFields(product, report.committedTcb),
    launch_tcb: tcbFields(product, report.launchTcb),
    current_firmware: report.currentFirmware,
    committed_firmware: report.committedFirmware,
  };
}

function tcbFields(product: SnpProduct, bytes: Uint8Array): object {
  return { hex: toHex(bytes), ...tcbOf(product, bytes) };
}

function policyFields(policy: GuestPolicy): object {
  return {
    abi_minor: policy.abiMinor,
    abi_major: policy.abiMajor,
    smt: policy.smtAllowed,
    // The parser lets no other value through.
    reserved17: true,
    migrate_ma: policy.migrationAgentAllowed,
    debug: policy.debugAllowed,
    single_socket: policy.singleSocketRequired,
    cxl_allow: policy.cxlAllowed,
    mem_aes_256_xts: policy.aes256XtsRequired,
    rapl_dis: policy.raplDisabledRequired,
    ciphertext_hiding: policy.ciphertextHidingRequired,
    page_swap_disable: policy.pageSwapDisabled,
  };
}

function platformFields(info: PlatformInfo): object {
  return {
    smt_en: info.smt,
    tsme_en: info.tsme,
    ecc_en: info.ecc,
    rapl_dis: info.raplDisabled,
    ciphertext_hiding_en: info.ciphertextHiding,
    alias_check_complete: info.aliasCheckComplete,
    tio_en: info.tio,
  };
}
