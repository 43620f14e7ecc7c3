import { attempt } from '#shared/attestation/malformed.ts';
import type { SpdmReport } from '#shared/attestation/nvidia/spdm.ts';
import { parseSpdmReport, SIGNATURE_BYTES } from '#shared/attestation/nvidia/spdm.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { commonValidity } from '#shared/attestation/x509/chain.ts';
import { commonName } from '#shared/attestation/x509/common-name.ts';
import { nameText } from '#shared/attestation/x509/name.ts';
import { decodePem } from '#shared/attestation/x509/pem.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { textOf, toHex } from '#shared/bytes/bytes.ts';
import { requiredFile } from './files.ts';
import { TOKEN_FILE, tokenFields, tokenVectors } from './tokens.ts';
import type { VectorFiles, VectorPlatform } from './vector-platform.ts';

const REPORT_FILE = 'evidence.bin';
const CHAIN_FILE = 'chain.pem';
const CHAIN_MAX = 8;

/** The collection's name for the architecture of a chip. */
const ARCHITECTURES: Readonly<Record<string, string>> = { GH100: 'HOPPER', LS_10: 'LS10' };

const tokens = tokenVectors('nvidia-nras');

/** Samples of NVIDIA: reports of GPUs and switches with their chains, and a token of the attestation service. */
export const nvidiaVectors: VectorPlatform = {
  caseOf(request) {
    const { files } = request;
    if (files.has(TOKEN_FILE)) return tokens.caseOf(request);
    return {
      evidence: {
        platform: 'nvidia-gpu',
        document: requiredFile(files, REPORT_FILE),
        endorsements: chainOf(files).map((bytes) => ({ kind: 'certificate', bytes })),
      },
      anchors: [],
      reference: () => ({}),
    };
  },
  async fieldsOf(files, crypto) {
    if (files.has(TOKEN_FILE)) return tokenFields(files, crypto);
    const document = requiredFile(files, REPORT_FILE);
    const parsed = attempt(() => parseSpdmReport(document));
    if (parsed.kind === 'refused') return undefined;
    return { ...reportFields(parsed.value, document), ...chainFields(chainOf(files)) };
  },
};

/** Certificates of the sample, leaf first; none when the file is no PEM. */
function chainOf(files: VectorFiles): readonly Uint8Array[] {
  const text = textOf(requiredFile(files, CHAIN_FILE)) ?? '';
  const parsed = attempt(() => decodePem(text, 'CERTIFICATE', CHAIN_MAX));
  return parsed.kind === 'parsed' ? parsed.value : [];
}

function reportFields(report: SpdmReport, document: Uint8Array): object {
  const nonce = toHex(report.requestNonce);
  return {
    spdm_version: codeText(report.version),
    request_code: codeText(report.requestCode),
    request_nonce: nonce,
    slot: report.slot,
    response_code: codeText(report.responseCode),
    number_of_blocks: report.measurements.length,
    measurement_record_length: report.recordBytes,
    signature_hex: toHex(document.subarray(document.length - SIGNATURE_BYTES)),
    // What the caller of the driver says that it asked with.
    declared_nonce: nonce,
    measurements: report.measurements.map(({ index, type, value }) => ({ index, type, value: toHex(value) })),
  };
}

function chainFields(ders: readonly Uint8Array[]): object {
  const parsed = attempt(() => ders.map((der) => parseCertificate(der)));
  const [leaf] = parsed.kind === 'parsed' ? parsed.value : [];
  if (parsed.kind === 'refused' || leaf === undefined) return {};
  const [chip = ''] = (commonName(leaf.subject) ?? '').split(' ');
  return {
    chain_subjects: parsed.value.map(({ subject }) => nameText(subject)),
    chain_valid: commonValidity(parsed.value).map(timeText),
    arch: ARCHITECTURES[chip],
  };
}

function codeText(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}
