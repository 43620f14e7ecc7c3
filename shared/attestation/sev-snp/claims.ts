import { toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import type { Claims, Concern } from '../claims.ts';
import type { PolicyVocabulary } from '../platform.ts';
import type { VerificationContext } from '../verification.ts';
import { commonValidity } from '../x509/chain.ts';
import type { Crl } from '../x509/crl.ts';
import { nameText } from '../x509/name.ts';
import type { SnpChain } from './chain.ts';
import type { SnpProduct } from './product.ts';
import type { SnpReport } from './report.ts';
import type { Tcb } from './tcb.ts';
import { leastTcb, TCB_COMPONENTS, tcbOf } from './tcb.ts';

/** The four TCB_VERSIONs of a report, and the least of those that a guest rests on. */
const TCB_PREFIXES = ['tcb', 'reported_tcb', 'committed_tcb', 'launch_tcb', 'current_tcb'] as const;

/**
 * The names that reference values for SEV-SNP may use.
 *
 * A level `tcb.*` is the least over the reported, the committed and the launch TCB: what the key was derived for, what
 * the host can no longer roll back below, and what the guest started on. FAMILY_ID, IMAGE_ID and `guest_svn` are the
 * word of whoever owns the key of ID_KEY_DIGEST, and of the host where no such key is demanded.
 */
export const SNP_VOCABULARY: PolicyVocabulary = {
  measurements: { MEASUREMENT: 48, ID_KEY_DIGEST: 48, AUTHOR_KEY_DIGEST: 48, FAMILY_ID: 16, IMAGE_ID: 16 },
  attributes: {
    vmpl: { type: 'number', otherwise: 0, code: 'VMPL_MISMATCH' },
    host_data: { type: 'text', code: 'HOST_DATA_MISMATCH' },
    migration_agent: { type: 'boolean', otherwise: false },
    smt_allowed: { type: 'boolean' },
    single_socket: { type: 'boolean' },
    cxl_allowed: { type: 'boolean' },
    aes_256_xts_required: { type: 'boolean' },
    rapl_disabled_required: { type: 'boolean' },
    ciphertext_hiding_required: { type: 'boolean' },
    page_swap_disabled: { type: 'boolean' },
    smt: { type: 'boolean' },
    tsme: { type: 'boolean' },
    ecc: { type: 'boolean' },
    rapl_disabled: { type: 'boolean' },
    ciphertext_hiding: { type: 'boolean' },
    alias_check_complete: { type: 'boolean' },
    tio: { type: 'boolean' },
    author_key: { type: 'boolean' },
    product: { type: 'text' },
    signing_key: { type: 'text' },
    csp_id: { type: 'text' },
    chip_id: { type: 'text' },
  },
  openAttributes: false,
  levels: [
    ...TCB_PREFIXES.flatMap((prefix) => TCB_COMPONENTS.map((component) => `${prefix}.${component}`)),
    'guest_svn',
    'abi.major',
    'abi.minor',
  ],
  identifiedBy: [['MEASUREMENT', 'tcb.bootloader', 'tcb.tee', 'tcb.snp', 'tcb.microcode']],
};

/** All that the claims of a report are made of. */
export interface ClaimedReport {
  readonly report: SnpReport;
  readonly product: SnpProduct;
  readonly chain: SnpChain;
  readonly anchor: Anchor;
  readonly crls: readonly Crl[];
  readonly concerns: readonly Concern[];
}

/** The claims of a report whose root is known. */
export function snpClaims(claimed: ClaimedReport, { crypto }: Pick<VerificationContext, 'crypto'>): Claims {
  const { report, product, chain, anchor, crls, concerns } = claimed;
  const certificates = [chain.root, chain.authority, chain.leaf].map(({ certificate }) => certificate);
  const [validFromMs, validUntilMs] = commonValidity(certificates);
  return {
    platform: 'amd-sev-snp',
    measurements: {
      MEASUREMENT: toHex(report.measurement),
      ID_KEY_DIGEST: toHex(report.idKeyDigest),
      AUTHOR_KEY_DIGEST: toHex(report.authorKeyDigest),
      FAMILY_ID: toHex(report.familyId),
      IMAGE_ID: toHex(report.imageId),
    },
    debug: report.policy.debugAllowed,
    attributes: attributesOf(claimed),
    levels: levelsOf(report, product),
    // AMD gives no verdict of its own: what is new enough is for the policy's minimums to say.
    tcb: undefined,
    concerns,
    reportData: report.reportData,
    nonce: new Uint8Array(0),
    issuedAtMs: undefined,
    validFromMs: Math.max(validFromMs, ...crls.map(({ thisUpdateMs }) => thisUpdateMs)),
    validUntilMs: Math.min(validUntilMs, ...crls.map(({ nextUpdateMs }) => nextUpdateMs)),
    root: { name: anchor.name, platform: anchor.platform, sha256: anchor.sha256, emulated: anchor.emulated },
    checks: CHECKS,
    details: {
      version: `${report.version}`,
      reportId: toHex(report.reportId),
      reportIdMigrationAgent: toHex(report.reportIdMigrationAgent),
      currentFirmware: report.currentFirmware,
      committedFirmware: report.committedFirmware,
      ...(report.mitigations === undefined
        ? {}
        : {
            launchMitigations: toHex(report.mitigations.launch),
            currentMitigations: toHex(report.mitigations.current),
          }),
      leafSha256: toHex(crypto.digest('sha256', chain.leaf.certificate.der)),
      contentSha256: toHex(crypto.digest('sha256', report.signed)),
      chain: certificates.map(({ subject }) => nameText(subject)).join(' > '),
    },
  };
}

function attributesOf({ report, product, chain }: ClaimedReport): Claims['attributes'] {
  const { policy, platformInfo } = report;
  const { cspId } = chain.leaf;
  return {
    vmpl: report.vmpl,
    host_data: toHex(report.hostData),
    migration_agent: policy.migrationAgentAllowed,
    smt_allowed: policy.smtAllowed,
    single_socket: policy.singleSocketRequired,
    cxl_allowed: policy.cxlAllowed,
    aes_256_xts_required: policy.aes256XtsRequired,
    rapl_disabled_required: policy.raplDisabledRequired,
    ciphertext_hiding_required: policy.ciphertextHidingRequired,
    page_swap_disabled: policy.pageSwapDisabled,
    smt: platformInfo.smt,
    tsme: platformInfo.tsme,
    ecc: platformInfo.ecc,
    rapl_disabled: platformInfo.raplDisabled,
    ciphertext_hiding: platformInfo.ciphertextHiding,
    alias_check_complete: platformInfo.aliasCheckComplete,
    tio: platformInfo.tio,
    author_key: report.authorKeyEnabled,
    product,
    signing_key: report.signingKey,
    chip_id: toHex(report.chipId),
    ...(cspId === undefined ? {} : { csp_id: cspId }),
  };
}

function levelsOf(report: SnpReport, product: SnpProduct): Claims['levels'] {
  const reported = tcbOf(product, report.reportedTcb);
  const committed = tcbOf(product, report.committedTcb);
  const launch = tcbOf(product, report.launchTcb);
  return {
    ...prefixed('tcb', leastTcb([reported, committed, launch])),
    ...prefixed('reported_tcb', reported),
    ...prefixed('committed_tcb', committed),
    ...prefixed('launch_tcb', launch),
    ...prefixed('current_tcb', tcbOf(product, report.currentTcb)),
    guest_svn: report.guestSvn,
    'abi.major': report.policy.abiMajor,
    'abi.minor': report.policy.abiMinor,
  };
}

function prefixed(prefix: (typeof TCB_PREFIXES)[number], tcb: Tcb): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(tcb).map(([component, number]) => [`${prefix}.${component}`, number]));
}

const CHECKS = [
  'every field of the report by its version, reserved ones included',
  'ECDSA P-384 signature by the key of the certificate',
  'the certificate against the report: kind of key, product, chip, each component of the reported TCB',
  'certificates up to the pinned root of the product: signatures, names, validity, CA bits, path lengths, key usage',
  'revocation lists that came, each by the root or the authority below it, and current',
];
