import { isBitSet } from '#shared/attestation/dcap/bits.ts';
import { splitCertificates } from '#shared/attestation/dcap/certificates.ts';
import { INTEL_QE_VENDOR_ID, parseSgxQuote, parseTdQuote, type Quote } from '#shared/attestation/dcap/quote.ts';
import { type PckConfiguration, parseSgxExtension, SGX_EXTENSION } from '#shared/attestation/dcap/sgx-extension.ts';
import { hasSgxFlag, type SgxReportBody } from '#shared/attestation/dcap/sgx-report.ts';
import { CERTIFICATION } from '#shared/attestation/dcap/signature-data.ts';
import { hasTdFlag, isUnderDebug, type TdReportBody } from '#shared/attestation/dcap/td-report.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { type Certificate, parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { nameText } from '#shared/attestation/x509/name.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { toHex } from '#shared/bytes/bytes.ts';

/** What `expected.json` lists of an SGX quote, `beside` being certificates that came next to it. */
export function sgxFields(bytes: Uint8Array, beside: readonly Uint8Array[]): object | undefined {
  const parsed = attempt(() => parseSgxQuote(bytes));
  if (parsed.kind === 'refused') return undefined;
  const { report } = parsed.value;
  return {
    body: sgxBodyFields(report),
    debug: hasSgxFlag(report, 'debug'),
    ...quoteFields(parsed.value, beside),
  };
}

/** What `expected.json` lists of a TDX quote, likewise. */
export function tdxFields(bytes: Uint8Array, beside: readonly Uint8Array[] = []): object | undefined {
  const parsed = attempt(() => parseTdQuote(bytes));
  if (parsed.kind === 'refused') return undefined;
  const { report } = parsed.value;
  return {
    body: tdBodyFields(report),
    debug: isUnderDebug(report),
    ...quoteFields(parsed.value, beside),
  };
}

function quoteFields({ header, proof }: Quote, beside: readonly Uint8Array[]): object {
  const { qeReport, qeAuthData, certification } = proof;
  return {
    header: {
      qe_vendor_id: INTEL_QE_VENDOR_ID,
      user_data: toHex(header.userData),
      qe_svn: header.qeSvn ?? null,
      pce_svn: header.pceSvn ?? null,
    },
    qe_report: {
      mrenclave: toHex(qeReport.mrEnclave),
      mrsigner: toHex(qeReport.mrSigner),
      isvprodid: qeReport.isvProdId,
      isvsvn: qeReport.isvSvn,
      attributes: toHex(qeReport.attributes),
      miscselect: toHex(qeReport.miscSelect),
      report_data: toHex(qeReport.reportData),
    },
    qe_auth_data_length: qeAuthData.length,
    ...pckFields(certification.type === CERTIFICATION.pckChain ? chainIn(certification.bytes) : beside),
  };
}

function chainIn(bytes: Uint8Array): readonly Uint8Array[] {
  const chain = attempt(() => splitCertificates(bytes));
  return chain.kind === 'parsed' ? chain.value : [];
}

/** Of the certificates that can be read, the first with an SGX extension. */
function pckFields(chain: readonly Uint8Array[]): object {
  for (const der of chain) {
    const read = attempt(() => pckIn(parseCertificate(der)));
    if (read.kind === 'parsed' && read.value !== undefined) return { pck: read.value };
  }
  return {};
}

function pckIn(certificate: Certificate): object | undefined {
  const extension = certificate.extensions.values.get(SGX_EXTENSION);
  if (extension === undefined) return undefined;
  const { ppid, tcb, pceId, fmspc, sgxType, platformInstanceId, configuration } = parseSgxExtension(extension);
  return {
    fmspc: toHex(fmspc),
    pceid: toHex(pceId),
    ppid: toHex(ppid),
    pcesvn: tcb.pceSvn,
    cpusvn: toHex(tcb.cpuSvn),
    tcb_components: tcb.components,
    sgx_type: sgxType,
    platform_instance_id: platformInstanceId === undefined ? null : toHex(platformInstanceId),
    configuration: configuration === undefined ? null : flagsOf(configuration),
    // The number, without leading zeros.
    serial_hex: toHex(certificate.serial).replace(/^0+/, ''),
    issuer: nameText(certificate.issuer),
    valid_from: timeText(certificate.notBeforeMs),
    valid_until: timeText(certificate.notAfterMs),
  };
}

function flagsOf({ dynamicPlatform, cachedKeys, smtEnabled }: PckConfiguration): object {
  return { 1: flagOctet(dynamicPlatform), 2: flagOctet(cachedKeys), 3: flagOctet(smtEnabled) };
}

/** A BOOLEAN as its octet. */
function flagOctet(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? 'ff' : '00';
}

function sgxBodyFields(report: SgxReportBody): object {
  return {
    cpusvn: toHex(report.cpuSvn),
    miscselect: toHex(report.miscSelect),
    isvextprodid: toHex(report.isvExtProdId),
    attributes: toHex(report.attributes),
    mrenclave: toHex(report.mrEnclave),
    mrsigner: toHex(report.mrSigner),
    configid: toHex(report.configId),
    isvprodid: report.isvProdId,
    isvsvn: report.isvSvn,
    configsvn: report.configSvn,
    isvfamilyid: toHex(report.isvFamilyId),
    report_data: toHex(report.reportData),
    flags: {
      INIT: hasSgxFlag(report, 'init'),
      DEBUG: hasSgxFlag(report, 'debug'),
      MODE64BIT: hasSgxFlag(report, 'mode64bit'),
      PROVISION_KEY: hasSgxFlag(report, 'provisionKey'),
      EINITTOKEN_KEY: hasSgxFlag(report, 'einitTokenKey'),
      KSS: hasSgxFlag(report, 'kss'),
    },
  };
}

function tdBodyFields(report: TdReportBody): object {
  const { teeTcbSvn2, mrServiceTd } = report;
  return {
    tee_tcb_svn: toHex(report.teeTcbSvn),
    mrseam: toHex(report.mrSeam),
    mrsignerseam: toHex(report.mrSignerSeam),
    seamattributes: toHex(report.seamAttributes),
    tdattributes: toHex(report.tdAttributes),
    xfam: toHex(report.xfam),
    mrtd: toHex(report.mrTd),
    mrconfigid: toHex(report.mrConfigId),
    mrowner: toHex(report.mrOwner),
    mrownerconfig: toHex(report.mrOwnerConfig),
    ...Object.fromEntries(report.rtmrs.map((value, index) => [`rtmr${index}`, toHex(value)])),
    report_data: toHex(report.reportData),
    flags: {
      DEBUG: isBitSet(report.tdAttributes, 0),
      SEPT_VE_DISABLE: hasTdFlag(report, 'septVeDisable'),
      MIGRATABLE: hasTdFlag(report, 'migratable'),
      PKS: hasTdFlag(report, 'pks'),
      KL: hasTdFlag(report, 'kl'),
      PERFMON: hasTdFlag(report, 'perfmon'),
      TUD: `0x${(report.tdAttributes[0] ?? 0).toString(16)}`,
    },
    ...(teeTcbSvn2 === undefined ? {} : { tee_tcb_svn_2: toHex(teeTcbSvn2) }),
    ...(mrServiceTd === undefined ? {} : { mrservicetd: toHex(mrServiceTd) }),
  };
}
