import { type CollateralParts, parseCollateralParts } from '#shared/attestation/dcap/collateral-json.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { parseCrl } from '#shared/attestation/x509/crl.ts';
import { decodePem } from '#shared/attestation/x509/pem.ts';
import { fromHex, textOf, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { type Download, download, urlBelow } from './download.ts';
import type { IntelNeeds } from './needs.ts';

/** Intel's provisioning certification service, version 4 of its interface. */
export const INTEL_PCS = new URL('https://api.trustedservices.intel.com');
/** The root's list, at the distribution point that its certificate names: the service itself does not have it. */
const ROOT_CRL = new URL('https://certificates.trustedservices.intel.com/IntelSGXRootCA.der');
/** Where a caching service (PCCS) has it. */
const ROOT_CRL_CACHED = '/sgx/certification/v4/rootcacrl';

/** Older services still use the name of version 3 for the first. */
const TCB_CHAIN = ['TCB-Info-Issuer-Chain', 'SGX-TCB-Info-Issuer-Chain'] as const;
const IDENTITY_CHAIN = ['SGX-Enclave-Identity-Issuer-Chain'] as const;
const CRL_CHAIN = ['SGX-PCK-CRL-Issuer-Chain'] as const;

/**
 * TCB info, QE identity, both revocation lists and the issuer chains of one family of platforms, as one endorsement.
 * @param from - a caching service; `undefined` for Intel's own
 * @throws Fault - CONNECTION_LOST, CONFIG_INVALID
 */
export async function fetchFromIntel(
  { tee, fmspc, ca }: IntelNeeds,
  from: URL | undefined,
  signal: AbortSignal,
): Promise<readonly Endorsement[]> {
  const base = from ?? INTEL_PCS;
  const get = (path: string): Promise<Download> => download(urlBelow(base, path), signal);
  const place = `/${tee.toLowerCase()}/certification/v4`;
  const tcb = await get(`${place}/tcb?fmspc=${fmspc}`);
  const identity = await get(`${place}/qe/identity`);
  const pckCrl = await get(`/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`);
  const rootCrl = await download(from === undefined ? ROOT_CRL : urlBelow(from, ROOT_CRL_CACHED), signal);
  const tcbInfo = signedIn(tcb, 'tcbInfo');
  const qeIdentity = signedIn(identity, 'enclaveIdentity');
  const parts: CollateralParts = {
    pck_crl_issuer_chain: chainIn(pckCrl, CRL_CHAIN),
    root_ca_crl: toHex(crlIn(rootCrl)),
    pck_crl: toHex(crlIn(pckCrl)),
    tcb_info_issuer_chain: chainIn(tcb, TCB_CHAIN),
    tcb_info: tcbInfo.text,
    tcb_info_signature: tcbInfo.signature,
    qe_identity_issuer_chain: chainIn(identity, IDENTITY_CHAIN),
    qe_identity: qeIdentity.text,
    qe_identity_signature: qeIdentity.signature,
  };
  const bytes = utf8(`${JSON.stringify(parts, undefined, 1)}\n`);
  if (attempt(() => parseCollateralParts(bytes)).kind === 'refused') throw unreadable(tcb.url, 'collateral');
  return [{ kind: 'intel-collateral', bytes }];
}

/**
 * The very text that is signed, cut out of `{"name":{…},"signature":"…"}`: written anew from its value it would be
 * another.
 */
function signedIn({ url, body }: Download, name: string): { readonly text: string; readonly signature: string } {
  const text = (textOf(body) ?? '').trim();
  const tail = /,\s*"signature"\s*:\s*"([0-9a-fA-F]{128})"\s*\}$/.exec(text.slice(-256));
  const head = new RegExp(`^\\{\\s*"${name}"\\s*:\\s*(?=\\{)`).exec(text);
  const signature = tail?.[1];
  if (tail === null || head === null || signature === undefined) throw unreadable(url, `a signed ${name}`);
  return { text: text.slice(head[0].length, text.length - tail[0].length), signature };
}

/** The chain in a header, in PEM with its line ends escaped as in a URL. */
function chainIn({ url, headers }: Download, names: readonly string[]): string {
  const value = names.map((name) => headers.get(name)).find((each) => each !== null);
  const CERTIFICATES_MAX = 4;
  const pem = value === undefined || value === null ? undefined : unescaped(value);
  if (pem !== undefined && attempt(() => decodePem(pem, 'CERTIFICATE', CERTIFICATES_MAX)).kind === 'parsed') return pem;
  throw unreadable(url, `a chain of certificates in the header ${names[0]}`);
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // decodeURIComponent has no other way to say that the text is not escaped.
    return undefined;
  }
}

/** A list in DER; caching services give hexadecimal, and PEM where they pass over what was asked for. */
function crlIn({ url, body }: Download): Uint8Array {
  const text = textOf(body)?.trim() ?? '';
  const pem = attempt(() => decodePem(text, 'X509 CRL', 1));
  const forms = [body, fromHex(text.toLowerCase()), ...(pem.kind === 'parsed' ? pem.value : [])];
  const der = forms.find((form) => form !== undefined && attempt(() => parseCrl(form)).kind === 'parsed');
  if (der === undefined) throw unreadable(url, 'a revocation list');
  return der;
}

function unreadable({ origin, pathname }: URL, wanted: string): Fault {
  return new Fault('CONNECTION_LOST', `${origin}${pathname.slice(0, 80)} gave something else than ${wanted}`);
}
