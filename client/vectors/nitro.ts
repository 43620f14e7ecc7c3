import { parseSign1 } from '#shared/attestation/cose/sign1.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { parseNitroDocument } from '#shared/attestation/nitro/document.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { nameText } from '#shared/attestation/x509/name.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { requiredFile } from './files.ts';
import { nsmFields } from './nsm.ts';
import type { VectorPlatform } from './vector-platform.ts';

const FILE = 'evidence.cbor';

/** Samples of AWS Nitro: one document each, which holds its certificates. */
export const nitroVectors: VectorPlatform = {
  caseOf: ({ files }) => ({
    evidence: { platform: 'aws-nitro', document: requiredFile(files, FILE), endorsements: [] },
    anchors: [],
    reference: () => ({}),
  }),
  async fieldsOf(files, crypto) {
    const parsed = attempt(() => parseNitroDocument(parseSign1(requiredFile(files, FILE)).payload));
    if (parsed.kind === 'refused') return undefined;
    const { value: document } = parsed;
    const ders = [...document.cabundle, document.certificate];
    const chain = attempt(() => ders.map((der) => parseCertificate(der)));
    const hash = (bytes: Uint8Array): string => toHex(crypto.digest('sha256', bytes));
    return {
      module_id: document.moduleId,
      digest: 'SHA384',
      timestamp_ms: document.timestampMs,
      timestamp: timeText(document.timestampMs),
      pcr_indices: [...document.pcrs.keys()].toSorted((a, b) => a - b),
      pcrs_nonzero: nonZero(document.pcrs),
      ...imageFields(document.pcrs),
      debug_mode: [0, 1, 2].every((index) => isZero(document.pcrs.get(index))),
      user_data_hex: hexOrNull(document.userData),
      nonce_hex: hexOrNull(document.nonce),
      public_key_hex: hexOrNull(document.publicKey),
      cabundle_len: document.cabundle.length,
      root_sha256: hash(document.cabundle[0]),
      leaf_sha256: hash(document.certificate),
      ...nsmFields(files, document.userData, document.nonce),
      ...(chain.kind === 'refused' ? {} : chainFields(chain.value)),
    };
  },
};

function chainFields(chain: readonly ReturnType<typeof parseCertificate>[]): object {
  return {
    chain_subjects: chain.map(({ subject }) => nameText(subject)),
    chain_valid_from: timeText(Math.max(...chain.map(({ notBeforeMs }) => notBeforeMs))),
    chain_valid_until: timeText(Math.min(...chain.map(({ notAfterMs }) => notAfterMs))),
  };
}

function imageFields(pcrs: ReadonlyMap<number, Uint8Array>): object {
  const image = [0, 1, 2].map((index) => [`pcr${index}`, pcrs.get(index)] as const);
  return Object.fromEntries(image.flatMap(([name, value]) => (value === undefined ? [] : [[name, toHex(value)]])));
}

function isZero(pcr: Uint8Array | undefined): boolean {
  return pcr?.every((byte) => byte === 0) === true;
}

function nonZero(pcrs: ReadonlyMap<number, Uint8Array>): Readonly<Record<string, string>> {
  const shown = [...pcrs].filter(([, value]) => value.some((byte) => byte !== 0));
  return Object.fromEntries(shown.map(([index, value]) => [`${index}`, toHex(value)]));
}

function hexOrNull(bytes: Uint8Array): string | null {
  return bytes.length === 0 ? null : toHex(bytes);
}
