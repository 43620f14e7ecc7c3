import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseCollateralParts } from '#shared/attestation/dcap/collateral-json.ts';
import { fromHex } from '#shared/bytes/bytes.ts';
import type { TestChip } from '#test/fakes/tee/amd.ts';

/** An answer: status 200 and no headers when they are left out. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A service of a vendor on the loopback interface. */
export interface VendorService {
  readonly url: string;
  /** Paths with their queries, in the order in which they were asked for. */
  readonly asked: readonly string[];
  /** What is answered by path and query; anything else gets 404. A test may put other answers here. */
  readonly answers: Map<string, Answer>;
  close(): Promise<void>;
}

/** Starts a service with these answers. */
export async function vendorService(answers: Readonly<Record<string, Answer>>): Promise<VendorService> {
  const given = new Map(Object.entries(answers));
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const { status = 200, headers = {}, body = '' } = given.get(url) ?? { status: 404 };
    response.writeHead(status, headers).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answers: given,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What AMD's key distribution service answers about a chip of `product`, asked for by `query`. */
export function amdAnswers({ chip, hierarchy, crl }: TestChip, query: string): Readonly<Record<string, Answer>> {
  const place = `/${chip.kind.toLowerCase()}/v1/${hierarchy.product}`;
  const authority = chip.kind === 'VCEK' ? hierarchy.ask : hierarchy.asvk;
  const pem = [authority, hierarchy.ark].map(({ certificate }) => new X509Certificate(certificate).toString()).join('');
  return {
    [`${place}/cert_chain`]: { body: pem },
    [`${place}/crl`]: { body: crl },
    [`${place}/${query}`]: { body: chip.certificate },
  };
}

/** How a service gives its revocation lists: Intel's own in DER, caching ones in hexadecimal. */
export type CrlForm = 'der' | 'hex';

/** What Intel's service, or one that caches it, answers out of collateral. */
export function intelAnswers(
  collateral: Uint8Array,
  {
    tee,
    query,
    ca,
    form,
  }: { readonly tee: 'sgx' | 'tdx'; readonly query: string; readonly ca: string; readonly form: CrlForm },
): Readonly<Record<string, Answer>> {
  const parts = parseCollateralParts(collateral);
  const list = (hex: string | null | undefined) => (form === 'hex' ? (hex ?? '') : (fromHex(hex ?? '') ?? ''));
  const chain = (name: string, pem: string | null | undefined) => ({ [name]: encodeURIComponent(pem ?? '') });
  const signed = (name: string, text: string, signature: string) => `{"${name}":${text},"signature":"${signature}"}`;
  return {
    [`/${tee}/certification/v4/tcb?${query}`]: {
      headers: chain('TCB-Info-Issuer-Chain', parts.tcb_info_issuer_chain),
      body: signed('tcbInfo', parts.tcb_info, parts.tcb_info_signature),
    },
    [`/${tee}/certification/v4/qe/identity`]: {
      headers: chain('SGX-Enclave-Identity-Issuer-Chain', parts.qe_identity_issuer_chain),
      body: signed('enclaveIdentity', parts.qe_identity, parts.qe_identity_signature),
    },
    [`/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`]: {
      headers: chain('SGX-PCK-CRL-Issuer-Chain', parts.pck_crl_issuer_chain),
      body: list(parts.pck_crl),
    },
    '/sgx/certification/v4/rootcacrl': { body: list(parts.root_ca_crl) },
  };
}
