import { toBase64 } from '#shared/bytes/base64.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { GoogleChain } from './google-pki.ts';
import type { Json, TokenDefects } from './jws.ts';
import { mintToken } from './jws.ts';

/** What a Confidential Space says of its workload. */
export interface SpaceContents {
  /** SHA-256 of the workload's container image. */
  readonly imageDigest: Uint8Array;
  readonly audience: string;
  readonly nonces: readonly string[];
  /** Milliseconds since 1970. */
  readonly issuedAtMs: number;
  /** Claims that are added, or stand in the place of those below. */
  readonly claims?: Json;
}

/** How a test bends a token besides its text. */
export interface SpaceDefects extends TokenDefects {
  /** The `x5c` header parameter as a whole. */
  readonly x5c?: unknown;
}

const TOKEN_VALID_S = 3600;

/** A PKI token in the format of Google's Confidential Space, signed by the leaf of `chain`. */
export function mintSpaceToken(chain: GoogleChain, contents: SpaceContents, defects: SpaceDefects = {}): Uint8Array {
  const { x5c = chain.certificates.map(toBase64) } = defects;
  return mintToken(chain.signer, { typ: 'JWT', x5c }, spaceClaims(contents), defects);
}

/** The claims of a production image on a TDX machine ("Attestation token claims" of Confidential Space). */
export function spaceClaims({ imageDigest, audience, nonces, issuedAtMs, claims }: SpaceContents): Json {
  const issued = Math.floor(issuedAtMs / 1000);
  const digest = `sha256:${toHex(imageDigest)}`;
  return {
    aud: audience,
    exp: issued + TOKEN_VALID_S,
    iat: issued,
    iss: 'https://confidentialcomputing.googleapis.com',
    nbf: issued,
    sub: 'https://www.googleapis.com/compute/v1/projects/emulated/zones/emulated-1/instances/emulated',
    eat_nonce: nonces.length === 1 ? nonces[0] : nonces,
    secboot: true,
    oemid: 11129,
    hwmodel: 'GCP_INTEL_TDX',
    swname: 'CONFIDENTIAL_SPACE',
    swversion: ['250800'],
    attester_tcb: ['INTEL'],
    dbgstat: 'disabled-since-boot',
    submods: {
      confidential_space: {
        support_attributes: ['LATEST', 'STABLE', 'USABLE'],
        monitoring_enabled: { memory: false },
      },
      container: {
        image_reference: 'emulated/enclave',
        image_digest: digest,
        image_id: digest,
        restart_policy: 'Never',
      },
      gce: {
        zone: 'emulated-1',
        project_id: 'emulated',
        project_number: '1',
        instance_name: 'emulated',
        instance_id: '1',
      },
    },
    tdx: { gcp_attester_tcb_status: 'UpToDate', gcp_attester_tcb_date: '2024-03-13T00:00:00Z' },
    google_service_accounts: ['emulated@example.invalid'],
    ...claims,
  };
}
