import type { Server } from 'node:http';
import { httpService, jsonObject, type ServiceAnswer, type ServiceRequest } from './http-service.ts';

/** What a workload asks a token for. */
export interface TokenRequest {
  readonly audience: string;
  readonly nonces: readonly string[];
}

/** Bounds that Google's documentation gives for custom tokens. */
const NONCES_MAX = 6;
const NONCE_BYTES = { least: 10, most: 74 } as const;
const AUDIENCE_BYTES_MAX = 512;

/**
 * The launcher of a Confidential Space, as its workload sees it: `POST /v1/token` on the launcher's socket, answered with
 * a token as plain text. Only tokens of type `PKI` are made here.
 */
export function launcherService(tokenFor: (request: TokenRequest) => Promise<string>): Server {
  return httpService(async (request) => {
    if (request.path !== '/v1/token') return { status: 404, body: 'no such path' };
    if (request.method !== 'POST') return refused('only custom tokens are made here; send a POST');
    const asked = tokenRequest(request);
    return 'status' in asked ? asked : { status: 200, body: await tokenFor(asked) };
  });
}

function tokenRequest({ body }: ServiceRequest): TokenRequest | ServiceAnswer {
  const fields = jsonObject(body);
  if (fields === undefined) return refused('the body is not a JSON object');
  const { audience, token_type: type, nonces } = fields;
  if (typeof audience !== 'string' || audience === '' || Buffer.byteLength(audience) > AUDIENCE_BYTES_MAX) {
    return refused(`audience must be 1 to ${AUDIENCE_BYTES_MAX} bytes`);
  }
  if (type !== 'PKI') return refused('the emulator makes tokens of type PKI');
  if (!isNonceList(nonces)) {
    return refused(`1 to ${NONCES_MAX} nonces of ${NONCE_BYTES.least} to ${NONCE_BYTES.most} bytes are wanted`);
  }
  return { audience, nonces };
}

function isNonceList(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > NONCES_MAX) return false;
  return value.every((nonce) => {
    if (typeof nonce !== 'string') return false;
    const bytes = Buffer.byteLength(nonce);
    return bytes >= NONCE_BYTES.least && bytes <= NONCE_BYTES.most;
  });
}

function refused(why: string): ServiceAnswer {
  return { status: 400, body: why };
}
