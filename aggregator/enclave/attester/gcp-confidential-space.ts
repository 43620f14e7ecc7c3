import { fromBase64Url } from '#shared/bytes/base64url.ts';
import { textOf, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { absence } from './device-file.ts';
import type { AttesterDriver } from './driver.ts';
import { attesterFailed } from './failure.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** Where the launcher of a Confidential Space serves its workload. */
const LAUNCHER_SOCKET = '/run/container_launcher/teeserver.sock';
/** The host is a matter of form: the socket is the address. */
const TOKEN_URL = 'http://localhost/v1/token';
const AUDIENCE = 'https://cloister.invalid';
const TOKEN_BYTES_MAX = 32 * 1024;
/** The launcher asks a verifier elsewhere. */
const TOKEN_TIMEOUT_MS = 30_000;

/**
 * Google Confidential Space, whose launcher gets a token from Google's verifier. Of type PKI: only that one carries the
 * chain to Google's root that makes it good to verify offline. The nonce is the hex of the 32 bytes, within the 10 to
 * 74 characters that Google takes.
 */
export const gcpConfidentialSpaceAttester: AttesterDriver = {
  platform: 'gcp-confidential-space',
  missing: ({ files }, { device = LAUNCHER_SOCKET }) => absence(files, device),
  async open(ports, { device = LAUNCHER_SOCKET, audience = AUDIENCE }) {
    const ask = async (nonce: Uint8Array) => {
      const answer = await ports.send({
        url: TOKEN_URL,
        socketPath: device,
        json: { audience, token_type: 'PKI', nonces: [toHex(nonce)] },
        answerBytesMax: TOKEN_BYTES_MAX,
        timeoutMs: TOKEN_TIMEOUT_MS,
      });
      const token = textOf(answer)?.trim() ?? '';
      if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw attesterFailed('the launcher answered with no token');
      return { document: utf8(token), endorsements: [] };
    };
    return oneAtATime('gcp-confidential-space', ports, ask, payloadHolds);
  },
};

/** Whether the nonce stands in the payload of a token, as it was asked for. */
function payloadHolds(token: Uint8Array, nonce: Uint8Array): boolean {
  const payloads = new TextDecoder().decode(token).split('.').slice(1, 2).map(fromBase64Url);
  return payloads.some((claims) => claims !== undefined && Buffer.from(claims).includes(`"${toHex(nonce)}"`));
}
