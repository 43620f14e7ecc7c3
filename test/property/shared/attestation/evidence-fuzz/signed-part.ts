import { parseSgxQuote, parseTdQuote } from '#shared/attestation/dcap/quote.ts';
import { CERTIFICATION } from '#shared/attestation/dcap/signature-data.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import { parseTpmDocument } from '#shared/attestation/tpm/document.ts';

/**
 * All of a document that somebody signed or that a verifier reads: two documents with the same are the same evidence.
 * Left out is what formats carry unsigned and verifiers do not believe: zero padding behind a quote, the identifiers that
 * stand where a quote holds no certificates, and the words of a TPM's event log, of which digests alone count.
 */
export function signedPart({ platform, document }: Evidence): string {
  switch (platform) {
    case 'intel-tdx':
      return quotePart(parseTdQuote(document));
    case 'intel-sgx':
      return quotePart(parseSgxQuote(document));
    case 'tpm-quote': {
      const { eventLog: _, ...rest } = parseTpmDocument(document);
      return text(rest);
    }
    default:
      return Buffer.from(document).toString('hex');
  }
}

function quotePart({ signed, proof }: ReturnType<typeof parseTdQuote | typeof parseSgxQuote>): string {
  const { certification, ...rest } = proof;
  const names = certification.type < CERTIFICATION.pckCertificate;
  return text([signed, rest, certification.type, names ? undefined : certification.bytes]);
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (each instanceof Uint8Array) return Buffer.from(each).toString('hex');
    return each instanceof Map ? [...each] : each;
  });
}
