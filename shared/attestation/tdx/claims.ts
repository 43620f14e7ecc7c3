import { EMPTY, toHex } from '../../bytes/bytes.ts';
import type { Claims } from '../claims.ts';
import { hasOtherBits } from '../dcap/bits.ts';
import { PLATFORM_ATTRIBUTES, PLATFORM_LEVELS, platformClaims } from '../dcap/platform-claims.ts';
import type { Quote } from '../dcap/quote.ts';
import type { TdReportBody } from '../dcap/td-report.ts';
import { hasTdFlag, isUnderDebug, TD_FLAGS, TUD_BITS } from '../dcap/td-report.ts';
import type { QuoteBasis } from '../dcap/verify-quote.ts';
import type { PolicyVocabulary } from '../platform.ts';

/** Names of the measurements, 48 bytes each; `MRSERVICETD` in TD reports of TDX 1.5 only. */
const MEASUREMENTS = {
  MRTD: 48,
  RTMR0: 48,
  RTMR1: 48,
  RTMR2: 48,
  RTMR3: 48,
  MRCONFIGID: 48,
  MROWNER: 48,
  MROWNERCONFIG: 48,
  MRSEAM: 48,
  MRSIGNERSEAM: 48,
  MRSERVICETD: 48,
} as const;

/**
 * Names that a policy may use for TDX.
 *
 * MRTD (the firmware) and RTMR0 to RTMR2 (what the firmware was given; boot loader and kernel; command line and initial
 * file system) must all be stated. RTMR0 differs between sizes of a machine, and it is tempting to leave it out, but
 * it measures the ACPI tables: they come from the host, and they hold code that the kernel runs.
 */
export const TDX_VOCABULARY: PolicyVocabulary = {
  measurements: MEASUREMENTS,
  attributes: {
    // Without it the host can make the TD's accesses to its own memory raise exceptions in the TD.
    sept_ve_disable: { type: 'boolean', otherwise: true },
    // Such a TD can be moved to another machine, which this quote does not speak for.
    migratable: { type: 'boolean', otherwise: false },
    // Attributes without a meaning here may take protection away.
    unknown_td_attributes: { type: 'boolean', otherwise: false },
    pks: { type: 'boolean' },
    kl: { type: 'boolean' },
    perfmon: { type: 'boolean' },
    td_attributes: { type: 'text' },
    xfam: { type: 'text' },
    seam_attributes: { type: 'text' },
    ...PLATFORM_ATTRIBUTES,
  },
  openAttributes: false,
  levels: [...PLATFORM_LEVELS, ...svnNames('tee_tcb_svn'), ...svnNames('tee_tcb_svn_2')],
  identifiedBy: [['MRTD', 'RTMR0', 'RTMR1', 'RTMR2']],
};

/** What a quote says of a trust domain and of the platform below it. */
export function tdClaims(quote: Quote<TdReportBody>, basis: QuoteBasis): Claims {
  const { report } = quote;
  const platform = platformClaims(quote, basis);
  const now = report.teeTcbSvn2 === undefined ? {} : svnLevels('tee_tcb_svn_2', report.teeTcbSvn2);
  return {
    ...platform,
    platform: 'intel-tdx',
    measurements: measurementsOf(report),
    debug: isUnderDebug(report),
    attributes: { ...attributesOf(report), ...platform.attributes },
    levels: {
      ...svnLevels('tee_tcb_svn', report.teeTcbSvn),
      ...now,
      ...platform.levels,
    },
    reportData: report.reportData,
    nonce: EMPTY,
    issuedAtMs: undefined,
    checks: CHECKS,
  };
}

function measurementsOf(report: TdReportBody): Readonly<Record<string, string>> {
  const { mrServiceTd } = report;
  return {
    MRTD: toHex(report.mrTd),
    ...Object.fromEntries(report.rtmrs.map((value, index) => [`RTMR${index}`, toHex(value)])),
    MRCONFIGID: toHex(report.mrConfigId),
    MROWNER: toHex(report.mrOwner),
    MROWNERCONFIG: toHex(report.mrOwnerConfig),
    MRSEAM: toHex(report.mrSeam),
    MRSIGNERSEAM: toHex(report.mrSignerSeam),
    ...(mrServiceTd === undefined ? {} : { MRSERVICETD: toHex(mrServiceTd) }),
  };
}

function attributesOf(report: TdReportBody): Claims['attributes'] {
  const { tdAttributes } = report;
  return {
    sept_ve_disable: hasTdFlag(report, 'septVeDisable'),
    migratable: hasTdFlag(report, 'migratable'),
    unknown_td_attributes: hasOtherBits(tdAttributes, [...TUD_BITS, ...Object.values(TD_FLAGS)]),
    pks: hasTdFlag(report, 'pks'),
    kl: hasTdFlag(report, 'kl'),
    perfmon: hasTdFlag(report, 'perfmon'),
    td_attributes: toHex(tdAttributes),
    xfam: toHex(report.xfam),
    seam_attributes: toHex(report.seamAttributes),
  };
}

function svnLevels(name: string, svns: Uint8Array): Readonly<Record<string, number>> {
  return Object.fromEntries([...svns].map((svn, index) => [`${name}.${index}`, svn]));
}

function svnNames(name: string): readonly string[] {
  return Object.keys(svnLevels(name, new Uint8Array(16)));
}

const CHECKS = [
  'quote format, every length and reserved field',
  'signature of the TD report by the attestation key',
  'the attestation key by the report of the quoting enclave, that report by the PCK certificate',
  'PCK certificate up to the pinned root: signatures, names, validity, SGX extension',
  'collateral under the same root: signatures, validity, revocation lists',
  'revocation, identity of the quoting enclave and of the TDX module, TCB level of the platform',
];
