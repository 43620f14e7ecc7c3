import { encodeAzureDocument } from '#shared/attestation/azure/document.ts';
import { type HclReport, parseHclReport } from '#shared/attestation/azure/hcl.ts';
import { parseRuntimeClaims } from '#shared/attestation/azure/runtime-claims.ts';
import { readTdReport } from '#shared/attestation/azure/td-report.ts';
import { ByteReader } from '#shared/attestation/byte-reader.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { memberOf, parseJsonObject, textOfMember } from '#shared/attestation/json.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { readLeaf } from '#shared/attestation/sev-snp/certificates.ts';
import { leafReasons } from '#shared/attestation/sev-snp/leaf-match.ts';
import { parseSnpReport } from '#shared/attestation/sev-snp/report.ts';
import { parseQuote } from '#shared/attestation/tpm/attest.ts';
import type { AttestationKey } from '#shared/attestation/tpm/key.ts';
import { type QuoteParts, verifyQuoteParts } from '#shared/attestation/tpm/quote.ts';
import { SCHEMES } from '#shared/attestation/tpm/signature.ts';
import { type Certificate, parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { nameText } from '#shared/attestation/x509/name.ts';
import { isSelfSigned, type PathRules, validatePath } from '#shared/attestation/x509/path.ts';
import { decodePem } from '#shared/attestation/x509/pem.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { fromBase64Url } from '#shared/bytes/base64url.ts';
import { concat, EMPTY, equalBytes, textOf, toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { requiredFile } from './files.ts';
import { tdxFields } from './intel-fields.ts';
import { pcrValues, quoteFields, readPcrs } from './tpm.ts';
import type { VectorFiles, VectorPlatform } from './vector-platform.ts';

const HCL = 'hcl-report.bin';
const TD_QUOTE = 'td-quote.bin';
const AK_CHAIN = 'ak-chain.pem';
const MAX_CHAIN = 8;
const BECAUSE = 'the collection names neither a revocation list nor collateral for Azure';

/** Attributes that our own default policy demands and the collection's does not. */
const OPEN: readonly string[] = ['vmpl', 'sept_ve_disable', 'migratable', 'unknown_td_attributes'];

/** Samples of Azure confidential VMs: an HCL report, a quote of the vTPM, and what proves the hardware's report. */
export const azureVectors: VectorPlatform = {
  caseOf({ files }) {
    const tdQuote = files.get(TD_QUOTE);
    const tpm = quoteParts(files);
    const document = encodeAzureDocument({
      hcl: requiredFile(files, HCL),
      ...(tdQuote === undefined ? {} : { tdQuote }),
      ...(tpm === undefined ? {} : { tpm }),
    });
    return {
      evidence: { platform: 'azure-cvm', document, endorsements: snpCertificates(files) },
      anchors: [],
      reference: ({ attributes }) => ({
        attributes: Object.fromEntries(
          OPEN.flatMap((name) => (attributes[name] === undefined ? [] : [[name, attributes[name]] as const])),
        ),
      }),
      endorsements: {
        waive: [
          { check: 'CRL_MISSING', because: BECAUSE },
          { check: 'COLLATERAL_MISSING', because: BECAUSE },
        ],
      },
    };
  },
  async fieldsOf(files, crypto) {
    const parsed = attempt(() => {
      const hcl = parseHclReport(requiredFile(files, HCL));
      return { hcl, runtime: parseRuntimeClaims(hcl.runtimeClaims) };
    });
    if (parsed.kind === 'refused') return undefined;
    const { hcl, runtime } = parsed.value;
    return {
      hcl: hclFields(requiredFile(files, HCL)),
      hardware: hcl.hardware,
      runtime_claims_keys: runtime.kids,
      vm_configuration: runtime.vmConfiguration,
      user_data: runtime.userData ?? null,
      ak_modulus_sha256: modulusSha256(hcl, crypto),
      runtime_claims_sha256: toHex(crypto.digest('sha256', hcl.runtimeClaims)),
      ...(hcl.hardware === 'SEV-SNP' ? snpFields(hcl, files, crypto) : tdFields(hcl, files, crypto)),
      ...(await tpmFields(files, runtime.ak, crypto)),
      ...(await akCertificateFields(files, runtime.ak, crypto)),
    };
  },
};

/** The quote as a TPM writes it: the collection took the head off its signatures. */
function quoteParts(files: VectorFiles): QuoteParts | undefined {
  const quote = files.get('tpm-quote.msg');
  if (quote === undefined) return undefined;
  const raw = requiredFile(files, 'tpm-quote.sig');
  const head = [SCHEMES.rsassa, 0x000b, raw.length].flatMap((value) => [value >> 8, value & 0xff]);
  return { quote, signature: concat(Uint8Array.from(head), raw), pcrs: pcrValues(readPcrs(files)) };
}

function snpCertificates(files: VectorFiles): readonly Endorsement[] {
  const vcek = files.get('vcek.der');
  const chain = files.get('chain.pem');
  const ders = [...(vcek === undefined ? [] : [vcek]), ...(chain === undefined ? [] : pemCertificates(chain))];
  return ders.map((bytes) => ({ kind: 'certificate', bytes }));
}

/** The certificates of a PEM file; a file that is no PEM goes to the verifier as it is. */
function pemCertificates(bytes: Uint8Array): readonly Uint8Array[] {
  const parsed = attempt(() => decodePem(textOf(bytes) ?? '', 'CERTIFICATE', MAX_CHAIN));
  return parsed.kind === 'parsed' ? parsed.value : [bytes];
}

/** The headers, number by number; our parser checks them and keeps what they mean. */
function hclFields(bytes: Uint8Array): object {
  const header = new ByteReader(bytes, 'HCL report');
  const signature = String.fromCharCode(...header.take(4));
  const [version, reportSize, requestType, status] = [header.u32(), header.u32(), header.u32(), header.u32()];
  header.take(12 + 1184);
  const [dataSize, runtimeVersion, reportType, hashType] = [header.u32(), header.u32(), header.u32(), header.u32()];
  return {
    header: { signature, version, report_size: reportSize, request_type: requestType, status },
    runtime: {
      data_size: dataSize,
      version: runtimeVersion,
      report_type: reportType,
      report_data_hash_type: hashType,
      variable_data_size: header.u32(),
    },
  };
}

function modulusSha256({ runtimeClaims }: HclReport, crypto: CryptoPort): string {
  const keys: unknown = memberOf(parseJsonObject(runtimeClaims, 'the runtime claims'), 'keys');
  const list: readonly unknown[] = Array.isArray(keys) ? keys : [];
  const ak = list.find((key) => textOfMember(key, 'kid') === 'HCLAkPub');
  return toHex(crypto.digest('sha256', fromBase64Url(textOfMember(ak, 'n') ?? '') ?? EMPTY));
}

function boundFields({ runtimeClaims, hash }: HclReport, reportData: Uint8Array, crypto: CryptoPort): object {
  const digest = crypto.digest(hash, runtimeClaims);
  const wanted = concat(digest, new Uint8Array(reportData.length - digest.length));
  return { runtime_claims_bound_to_report_data: equalBytes(reportData, wanted) };
}

function snpFields(hcl: HclReport, files: VectorFiles, crypto: CryptoPort): object {
  const parsed = attempt(() => parseSnpReport(hcl.hardwareReport));
  if (parsed.kind === 'refused') return {};
  const { value: report } = parsed;
  const vcek = files.get('vcek.der');
  const leaf = vcek === undefined ? undefined : attempt(() => readLeaf(parseCertificate(vcek)));
  return {
    snp: {
      version: report.version,
      measurement: toHex(report.measurement),
      host_data: toHex(report.hostData),
      vmpl: report.vmpl,
      policy_hex: `0x${report.policy.bits.toString(16)}`,
      chip_id: toHex(report.chipId),
      reported_tcb: toHex(report.reportedTcb),
      report_data: toHex(report.reportData),
      ...(leaf?.kind === 'parsed' ? { extension_errors: leafReasons(report, leaf.value).map(({ code }) => code) } : {}),
    },
    ...boundFields(hcl, report.reportData, crypto),
  };
}

function tdFields(hcl: HclReport, files: VectorFiles, crypto: CryptoPort): object {
  const report = attempt(() => readTdReport(hcl.hardwareReport, crypto));
  if (report.kind === 'refused') return {};
  const quote = files.get(TD_QUOTE);
  const quoted = quote === undefined ? undefined : tdxFields(quote);
  return {
    tdreport_report_data: toHex(report.value.reportData),
    ...boundFields(hcl, report.value.reportData, crypto),
    ...(quoted === undefined
      ? {}
      : { tdx: memberOf(quoted, 'body'), tdx_pck_fmspc: textOfMember(quoted, 'pck', 'fmspc') }),
  };
}

async function tpmFields(files: VectorFiles, ak: AttestationKey, crypto: CryptoPort): Promise<object> {
  const parts = quoteParts(files);
  const quote = attempt(() => (parts === undefined ? undefined : parseQuote(parts.quote)));
  if (parts === undefined || quote.kind === 'refused' || quote.value === undefined) return {};
  const { reasons } = await verifyQuoteParts(parts, ak, 'TPM_QUOTE_SIGNATURE_INVALID', crypto);
  return {
    tpm_quote: quoteFields(quote.value),
    tpm_quote_signature_valid: !reasons.some(({ code }) => code === 'TPM_QUOTE_SIGNATURE_INVALID'),
    pcr_digest_matches: !reasons.some(({ code }) => code === 'PCR_DIGEST_MISMATCH'),
    pcrs_sha256: readPcrs(files).pcrs,
  };
}

/** The AK certificate, which our verifier does not ask for, and its chain at a time when all of it is valid. */
async function akCertificateFields(files: VectorFiles, ak: AttestationKey, crypto: CryptoPort): Promise<object> {
  const bytes = files.get(AK_CHAIN);
  if (bytes === undefined) return {};
  const chain = attempt(() => pemCertificates(bytes).map(parseCertificate));
  const [leaf, root] = chain.kind === 'parsed' ? [chain.value[0], chain.value.at(-1)] : [];
  if (chain.kind === 'refused' || leaf === undefined || root === undefined) return {};
  const atMs = Math.max(...chain.value.map(({ notBeforeMs }) => notBeforeMs));
  const rules: PathRules = { atMs, allowed: ['rsa-pkcs1-sha384', 'rsa-pkcs1-sha512'], crypto };
  return {
    ak_certificate: {
      subjects: chain.value.map(({ subject }) => nameText(subject)),
      chain_errors: (await validatePath(chain.value.toReversed(), rules)).map(({ code }) => code),
      self_signed_root: await isSelfSigned(root, rules),
      key_equals_HCLAkPub: equalBytes(leaf.key.spki, ak.spki),
      valid: validity(leaf),
    },
  };
}

function validity({ notBeforeMs, notAfterMs }: Certificate): readonly string[] {
  return [timeText(notBeforeMs), timeText(notAfterMs)];
}
