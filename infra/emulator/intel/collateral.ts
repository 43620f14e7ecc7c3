import { webcrypto } from 'node:crypto';
import type { CollateralParts } from '#shared/attestation/dcap/collateral-json.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { type CrlDefects, mintIntelCrl } from './crl.ts';
import { INTEL_SIGNING, type IntelPki, pemOf } from './pki.ts';
import type { QuotingMachine } from './quote.ts';
import { type Issued, qeIdentity, sgxTcbInfo, tdxTcbInfo } from './tcb.ts';

/** What collateral is to be for. What is left out is as Intel has it. */
export interface CollateralContents {
  readonly tee: QuotingMachine['tee'];
  /** When all of it is issued; milliseconds since 1970. Successors are due thirty days later. */
  readonly issuedMs: number;
  readonly evaluationNumber?: number;
  /** Serial numbers in hexadecimal that the root's list and the PCK authority's list revoke. */
  readonly revokedByRoot?: readonly string[];
  readonly revokedPcks?: readonly string[];
}

/** How a test bends collateral. Every field left out is as Intel's service does it. */
export interface CollateralDefects {
  /** Takes the place of the TCB info before it is signed. */
  readonly tcbInfo?: unknown;
  /** Takes the place of the QE identity before it is signed. */
  readonly qeIdentity?: unknown;
  readonly rootCrl?: CrlDefects;
  readonly pckCrl?: CrlDefects;
  /** Spans that differ from the rest; milliseconds since 1970. */
  readonly rootCrlValidMs?: Issued['validMs'];
  readonly pckCrlValidMs?: Issued['validMs'];
  /** Signs TCB info and QE identity in the place of the TCB signing key. */
  readonly signingKey?: webcrypto.CryptoKey;
  /** Alters parts after they were signed; `undefined` leaves a part out. */
  readonly alterParts?: (parts: CollateralParts) => Readonly<Record<string, unknown>>;
  /** Alters the encoded object. */
  readonly alter?: (bytes: Uint8Array) => Uint8Array;
}

const UPDATE_MS = 30 * 86_400_000;
const EVALUATION_NUMBER = 18;

/** The spans and numbers of collateral that is issued at `issuedMs`. */
function issuedAt({ issuedMs, evaluationNumber = EVALUATION_NUMBER }: Omit<CollateralContents, 'tee'>): Issued {
  return { validMs: [issuedMs, issuedMs + UPDATE_MS], evaluationNumber };
}

/** Collateral in the layout of Intel's caching service, signed under an emulated hierarchy. */
export async function mintCollateral(
  pki: IntelPki,
  contents: CollateralContents,
  defects: CollateralDefects = {},
): Promise<Uint8Array> {
  const issued = issuedAt(contents);
  const plain = contents.tee === 'SGX' ? sgxTcbInfo(issued) : tdxTcbInfo(issued);
  const tcbInfo = JSON.stringify(defects.tcbInfo ?? plain);
  const identity = JSON.stringify(defects.qeIdentity ?? qeIdentity(contents.tee, issued));
  const key = defects.signingKey ?? pki.tcbSigning.keys.privateKey;
  const signers = pemOf(pki.tcbSigning, pki.root);
  const parts: CollateralParts = {
    pck_crl_issuer_chain: pemOf(pki.authority, pki.root),
    root_ca_crl: toHex(rootCrl(pki, contents, defects)),
    pck_crl: toHex(pckCrl(pki, contents, defects)),
    tcb_info_issuer_chain: signers,
    tcb_info: tcbInfo,
    tcb_info_signature: await signatureOf(key, tcbInfo),
    qe_identity_issuer_chain: signers,
    qe_identity: identity,
    qe_identity_signature: await signatureOf(key, identity),
  };
  const bytes = utf8(JSON.stringify(defects.alterParts?.(parts) ?? parts));
  return defects.alter?.(bytes) ?? bytes;
}

function rootCrl({ root }: IntelPki, contents: CollateralContents, defects: CollateralDefects): Uint8Array {
  const validMs = defects.rootCrlValidMs ?? issuedAt(contents).validMs;
  const { revokedByRoot: revoked = [] } = contents;
  return mintIntelCrl(root, { validMs, revoked }, defects.rootCrl);
}

function pckCrl({ authority }: IntelPki, contents: CollateralContents, defects: CollateralDefects): Uint8Array {
  const validMs = defects.pckCrlValidMs ?? issuedAt(contents).validMs;
  const { revokedPcks: revoked = [] } = contents;
  return mintIntelCrl(authority, { validMs, revoked }, defects.pckCrl);
}

/** R and S in hex. */
async function signatureOf(key: webcrypto.CryptoKey, text: string): Promise<string> {
  return toHex(new Uint8Array(await webcrypto.subtle.sign(INTEL_SIGNING, key, Uint8Array.from(utf8(text)))));
}
