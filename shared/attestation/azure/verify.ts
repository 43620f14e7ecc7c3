import { concat, equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Claims } from '../claims.ts';
import { parseTdQuote } from '../dcap/quote.ts';
import type { Endorsement } from '../evidence.ts';
import { attempt } from '../malformed.ts';
import type { PlatformVerifier } from '../platform.ts';
import type { Reason } from '../reasons.ts';
import { parseSnpReport } from '../sev-snp/report.ts';
import { verifySnpReport } from '../sev-snp/verify.ts';
import { verifyTdQuote } from '../tdx/verify.ts';
import type { QuoteParts, TpmQuoteVerification } from '../tpm/quote.ts';
import { verifyQuoteParts } from '../tpm/quote.ts';
import type { EvidenceVerifier, Verification, VerificationContext } from '../verification.ts';
import { refusedFor } from '../verification.ts';
import { AZURE_VOCABULARY, azureClaims } from './claims.ts';
import type { AzureDocument } from './document.ts';
import { parseAzureDocument } from './document.ts';
import type { HclReport } from './hcl.ts';
import { parseHclReport } from './hcl.ts';
import type { RuntimeClaims } from './runtime-claims.ts';
import { parseRuntimeClaims } from './runtime-claims.ts';
import { quotedReasons, readTdReport } from './td-report.ts';

/**
 * Verifies a confidential VM of Azure from the hardware up: the hardware's report vouches for the runtime claims by
 * their hash, the runtime claims name the attestation key of the vTPM, and that key signs registers and nonce. The key's
 * certificate, which Azure keeps beside it, is not asked for: the hardware says more.
 */
const verifyAzure: EvidenceVerifier = async ({ document: bytes, endorsements }, context) => {
  const document = attempt(() => parseAzureDocument(bytes));
  if (document.kind === 'refused') return refusedFor(document.reason);
  const hcl = attempt(() => parseHclReport(document.value.hcl));
  if (hcl.kind === 'refused') return refusedFor(hcl.reason);
  const below = await verifyHardware(hcl.value, document.value.tdQuote, endorsements, context);
  const runtime = runtimeOf(hcl.value, below.reportData, context);
  const checked = await quoteOf(document.value.tpm, runtime.claims, context);
  const reasons = [...below.reasons, ...runtime.reasons, ...checked.reasons];
  if (below.claims === undefined || runtime.claims === undefined) return refusedFor(...reasons);
  const { quote } = checked;
  const { tpm } = document.value;
  const quoted = quote === undefined || tpm === undefined ? undefined : { quote, parts: tpm };
  const { hardware } = hcl.value;
  const claims = azureClaims({ hardware, below: below.claims, runtime: runtime.claims, quoted });
  return reasons.length === 0 ? { kind: 'verified', claims } : { kind: 'refused', reasons, claims };
};

/** What came of the hardware's report. */
interface Below {
  readonly reasons: readonly Reason[];
  readonly claims?: Claims;
  /** `undefined` where the report cannot be read. */
  readonly reportData?: Uint8Array;
}

async function verifyHardware(
  hcl: HclReport,
  tdQuote: AzureDocument['tdQuote'],
  endorsements: readonly Endorsement[],
  context: VerificationContext,
): Promise<Below> {
  if (hcl.hardware === 'TDX') return verifyTd(hcl, tdQuote, endorsements, context);
  const report = attempt(() => parseSnpReport(hcl.hardwareReport));
  const below = belowOf(await verifySnpReport(hcl.hardwareReport, endorsements, context));
  const foreign: readonly Reason[] =
    tdQuote === undefined ? [] : [{ code: 'MALFORMED', detail: 'a TD quote beside a report of SEV-SNP' }];
  const reasons = [...foreign, ...below.reasons];
  return report.kind === 'refused' ? { ...below, reasons } : { ...below, reasons, reportData: report.value.reportData };
}

/** A TD report proves nothing to another machine: it is the quote that does, and it must be for this report. */
async function verifyTd(
  hcl: HclReport,
  tdQuote: AzureDocument['tdQuote'],
  endorsements: readonly Endorsement[],
  context: VerificationContext,
): Promise<Below> {
  const report = attempt(() => readTdReport(hcl.hardwareReport, context.crypto));
  const unreadable = report.kind === 'refused' ? [report.reason] : [];
  const read = report.kind === 'parsed' ? { reportData: report.value.reportData } : {};
  if (tdQuote === undefined) {
    const missing: Reason = { code: 'QUOTE_MISSING', detail: 'no TD quote came with the TD report' };
    return { reasons: [...unreadable, missing], ...read };
  }
  const below = belowOf(await verifyTdQuote(tdQuote, endorsements, context));
  const quote = attempt(() => parseTdQuote(tdQuote));
  const differing =
    report.kind === 'parsed' && quote.kind === 'parsed' ? quotedReasons(quote.value.report, report.value) : [];
  return { ...below, ...read, reasons: [...below.reasons, ...unreadable, ...differing] };
}

function belowOf(verification: Verification): Below {
  const { claims } = verification;
  const reasons = verification.kind === 'refused' ? verification.reasons : [];
  return claims === undefined ? { reasons } : { reasons, claims };
}

interface Runtime {
  readonly reasons: readonly Reason[];
  /** Only where the hardware vouches for them. */
  readonly claims?: RuntimeClaims;
}

/** Reads the runtime claims once the hardware report is found to hold the hash over them, and nothing else. */
function runtimeOf(hcl: HclReport, reportData: Uint8Array | undefined, { crypto }: VerificationContext): Runtime {
  if (reportData === undefined) return { reasons: [] };
  const digest = crypto.digest(hcl.hash, hcl.runtimeClaims);
  const wanted = concat(digest, new Uint8Array(reportData.length - digest.length));
  if (!equalBytes(reportData, wanted)) {
    const detail = 'the report data of the hardware is not the hash of the runtime claims';
    const found = toHex(reportData);
    return { reasons: [{ code: 'RUNTIME_DATA_BINDING_INVALID', detail, found, wanted: toHex(wanted) }] };
  }
  const claims = attempt(() => parseRuntimeClaims(hcl.runtimeClaims));
  return claims.kind === 'parsed' ? { reasons: [], claims: claims.value } : { reasons: [claims.reason] };
}

/** The quote of the vTPM by the key that the runtime claims name; without such a key there is nothing to ask. */
async function quoteOf(
  tpm: QuoteParts | undefined,
  claims: RuntimeClaims | undefined,
  { crypto }: VerificationContext,
): Promise<Pick<TpmQuoteVerification, 'quote' | 'reasons'>> {
  if (tpm === undefined) {
    return { quote: undefined, reasons: [{ code: 'QUOTE_MISSING', detail: 'no quote of the vTPM came' }] };
  }
  if (claims === undefined) return { quote: undefined, reasons: [] };
  return verifyQuoteParts(tpm, claims.ak, 'TPM_QUOTE_SIGNATURE_INVALID', crypto);
}

/** Azure confidential VMs, on AMD SEV-SNP and on Intel TDX. Their roots are those of the hardware. */
export const azureCvm: PlatformVerifier = {
  title: 'Azure confidential VM',
  verify: verifyAzure,
  anchors: [],
  vocabulary: AZURE_VOCABULARY,
  reportDataBytes: 32,
};
