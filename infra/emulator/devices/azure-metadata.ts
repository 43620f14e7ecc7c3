import type { Server } from 'node:http';
import { toBase64Url } from '#shared/bytes/base64url.ts';
import { httpService, jsonObject, type ServiceAnswer } from './http-service.ts';

/** What Azure's metadata service keeps for a confidential VM. */
export interface AzureMetadata {
  /** PEM of the VCEK and, below each other, of ASK and ARK: on an SEV-SNP host. */
  readonly snpCertificates?: { readonly vcek: string; readonly chain: string };
  /** Turns a TD report into a quote: on a TDX host. */
  readonly tdQuote?: (tdReport: Uint8Array) => Promise<Uint8Array>;
}

const SNP_PATH = '/metadata/THIM/amd/certification';
const TDX_PATH = '/acc/tdquote';

/** The part of the Instance Metadata Service that attestation needs ("Azure confidential VMs", "Trusted Hardware Identity Management"). */
export function azureMetadataService({ snpCertificates, tdQuote }: AzureMetadata): Server {
  return httpService(async ({ method, path, headers, body }): Promise<ServiceAnswer> => {
    const [place = ''] = path.split('?');
    if (place === SNP_PATH && method === 'GET' && snpCertificates !== undefined) {
      // Without this header a request may be one that was forged through a browser or proxy, and is refused.
      if (headers['metadata'] !== 'true') return { status: 400, body: '{"error":"Bad request"}' };
      const { vcek, chain } = snpCertificates;
      return answer({ vcekCert: vcek, tcbm: '0000000000000000', certificateChain: chain, cacheControl: '86400' });
    }
    if (place === TDX_PATH && method === 'POST' && tdQuote !== undefined) {
      const report = jsonObject(body)?.['report'];
      if (typeof report !== 'string') return { status: 400, body: '{"error":"Bad request"}' };
      const quote = await tdQuote(Buffer.from(report, 'base64url'));
      return answer({ quote: toBase64Url(quote) });
    }
    return { status: 404, body: '{"error":"Not found"}' };
  });
}

function answer(fields: object): ServiceAnswer {
  return { status: 200, body: JSON.stringify(fields) };
}
