import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { JwsAlgorithm } from '#shared/attestation/jwt/jws.ts';
import { utf8 } from '#shared/bytes/bytes.ts';

/** A key that an emulated service signs its tokens with. */
export interface TokenKey {
  readonly algorithm: JwsAlgorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A JSON object that is written as it stands. */
export type Json = Readonly<Record<string, unknown>>;

/** How a test bends a token; everything left out is as a service writes it. */
export interface TokenDefects {
  /** Header text before it is signed. */
  readonly rewriteHeader?: (text: string) => string;
  /** Payload text before it is signed. */
  readonly rewritePayload?: (text: string) => string;
  /** Payload text after it was signed. */
  readonly alterPayload?: (text: string) => string;
  readonly alterSignature?: (signature: Uint8Array) => Uint8Array;
  /** Signs with another key, which the header does not tell. */
  readonly signWith?: TokenKey;
  /** The token as a whole. */
  readonly rewriteToken?: (token: string) => string;
}

const RSA_BITS = 2048;
const PSS_SALT_BYTES = 48;

/** A new key for `algorithm`; RSA ones are made in about a tenth of a second. */
export function newTokenKey(algorithm: JwsAlgorithm, rsaBits = RSA_BITS): TokenKey {
  if (algorithm === 'RS256' || algorithm === 'PS384') {
    return { algorithm, ...generateKeyPairSync('rsa', { modulusLength: rsaBits }) };
  }
  const namedCurve = algorithm === 'ES256' ? 'P-256' : 'P-384';
  return { algorithm, ...generateKeyPairSync('ec', { namedCurve }) };
}

/** A token in the compact serialization (RFC 7515 section 7.1), signed by `key`; `alg` leads the header. */
export function mintToken(key: TokenKey, header: Json, payload: Json, defects: TokenDefects = {}): Uint8Array {
  const headerText = JSON.stringify({ alg: key.algorithm, ...header });
  const payloadText = JSON.stringify(payload);
  const signedHeader = defects.rewriteHeader?.(headerText) ?? headerText;
  const signedPayload = defects.rewritePayload?.(payloadText) ?? payloadText;
  const signature = signatureOf(defects.signWith ?? key, `${base64Url(signedHeader)}.${base64Url(signedPayload)}`);
  const parts = [
    signedHeader,
    defects.alterPayload?.(signedPayload) ?? signedPayload,
    defects.alterSignature?.(signature) ?? signature,
  ];
  const token = parts.map(base64Url).join('.');
  return utf8(defects.rewriteToken?.(token) ?? token);
}

/** base64url without padding of bytes, or of text as UTF-8. */
export function base64Url(content: string | Uint8Array): string {
  return Buffer.from(content).toString('base64url');
}

function signatureOf({ algorithm, privateKey: key }: TokenKey, input: string): Uint8Array {
  const hash = algorithm.endsWith('384') ? 'sha384' : 'sha256';
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: PSS_SALT_BYTES };
  const details = algorithm === 'PS384' ? { key, ...pss } : { key, dsaEncoding: 'ieee-p1363' as const };
  return new Uint8Array(sign(hash, Buffer.from(input), details));
}
