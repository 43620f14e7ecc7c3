import type { Endorsement } from '#shared/attestation/evidence.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { parseCrl } from '#shared/attestation/x509/crl.ts';
import { decodePem } from '#shared/attestation/x509/pem.ts';
import { textOf } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { type Download, download, urlBelow } from './download.ts';
import { kdsTcb } from './kds-tcb.ts';
import type { AmdNeeds } from './needs.ts';

/** AMD's key distribution service (AMD 57230, "Key Distribution Service"). */
export const AMD_KDS = new URL('https://kdsintf.amd.com');

/** The answer to `cert_chain`: ASK or ASVK, then ARK. */
const CHAIN_LENGTH = 2;

/**
 * Authorities and revocation list of a product, and the VCEK of a chip where `needs` names one. A VLEK is not published:
 * its provider hands it out with the report.
 * @throws Fault - CONNECTION_LOST, CONFIG_INVALID
 */
export async function fetchFromAmd(needs: AmdNeeds, from: URL, signal: AbortSignal): Promise<readonly Endorsement[]> {
  const { product, signingKey, chipId, tcb } = needs;
  const place = `/${signingKey.toLowerCase()}/v1/${product}`;
  const get = (path: string): Promise<Download> => download(urlBelow(from, `${place}/${path}`), signal);
  const chain = chainIn(await get('cert_chain'));
  const crl = derIn(await get('crl'), 'crl', parseCrl);
  if (chipId === undefined || tcb === undefined) return [...chain, crl];
  const query = kdsTcb(product, tcb).map(([name, version]) => `${name}=${version}`);
  return [derIn(await get(`${chipId}?${query.join('&')}`), 'certificate', parseCertificate), ...chain, crl];
}

function chainIn({ url, body }: Download): readonly Endorsement[] {
  const ders = attempt(() => decodePem(textOf(body) ?? '', 'CERTIFICATE', CHAIN_LENGTH));
  const parsed = ders.kind === 'parsed' ? attempt(() => ders.value.map(parseCertificate)) : ders;
  if (ders.kind === 'refused' || parsed.kind === 'refused') throw unreadable(url, 'a chain of certificates in PEM');
  return ders.value.map((bytes) => ({ kind: 'certificate', bytes }));
}

/** What cannot be read is not kept: it would only be found out when it is needed. */
function derIn({ url, body }: Download, kind: 'certificate' | 'crl', parse: (der: Uint8Array) => unknown): Endorsement {
  if (attempt(() => parse(body)).kind === 'refused') throw unreadable(url, `a ${kind} in DER`);
  return { kind, bytes: body };
}

function unreadable({ origin, pathname }: URL, wanted: string): Fault {
  return new Fault('CONNECTION_LOST', `${origin}${pathname.slice(0, 80)} gave something else than ${wanted}`);
}
