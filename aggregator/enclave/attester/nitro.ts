import { type CborItem, decodeCbor } from '#shared/attestation/cbor/decode.ts';
import { encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { assert } from '#shared/fault/fault.ts';
import type { Attestation } from '../ports/attester.ts';
import { absence } from './device-file.ts';
import type { AttesterDriver } from './driver.ts';
import { attesterFailed } from './failure.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** Bytes of a request to the device; an attestation request takes about 130. */
const NSM_REQUEST_BYTES_MAX = 4 * 1024;
/** Bytes of an answer; the driver itself never gives more than 0x3000. */
export const NSM_RESPONSE_BYTES_MAX = 16 * 1024;
/** How long the device may take. It answers within milliseconds; a busy one within a second. */
const NSM_TIMEOUT_MS = 10_000;
/** Where the image's start script has the relay listen. */
const NSM_SOCKET = '/run/cloister/nsm.sock';

/**
 * The Nitro Security Module. Node cannot do the ioctl on `/dev/nsm`, so a relay in the same image
 * (`infra/nitro/nsm-bridge.pl`) serves it on a unix socket: `options.device`.
 */
export const nitroAttester: AttesterDriver = {
  platform: 'aws-nitro',
  // A socket that the operator names may lie where Node's permission model lets the enclave connect, but not look.
  missing: async ({ files }, { device }) => (device === undefined ? absence(files, NSM_SOCKET) : undefined),
  async open(ports, { device = NSM_SOCKET }) {
    const peer = { socketPath: device, answerBytesMax: NSM_RESPONSE_BYTES_MAX, timeoutMs: NSM_TIMEOUT_MS };
    return oneAtATime('aws-nitro', ports, async (reportData) =>
      documentOf(await ports.exchange(peer, attestationRequest(reportData))),
    );
  },
};

/** The request of the NSM API for a document over `reportData`. */
function attestationRequest(reportData: Uint8Array): Uint8Array {
  const fields = {
    entries: [['user_data', reportData] as const, ['nonce', null] as const, ['public_key', null] as const],
  };
  const request = encodeCbor({ entries: [['Attestation', fields]] });
  assert(request.length <= NSM_REQUEST_BYTES_MAX, 'NSM request above its bound');
  return request;
}

/** The document inside `{"Attestation": {"document": bytes}}`. */
function documentOf(answer: Uint8Array): Attestation {
  const outer = decoded(answer);
  const error = entryOf(outer, 'Error');
  if (error?.kind === 'text') throw attesterFailed(`the device answered with the error ${nameOf(error.value)}`);
  const document = entryOf(entryOf(outer, 'Attestation'), 'document');
  if (document?.kind !== 'bytes' || document.value.length === 0) throw attesterFailed('the answer holds no document');
  return { document: document.value.slice(), endorsements: [] };
}

function decoded(answer: Uint8Array): CborItem {
  try {
    return decodeCbor(answer);
  } catch (cause) {
    throw attesterFailed('the answer is not well-formed CBOR', cause);
  }
}

function entryOf(item: CborItem | undefined, key: string): CborItem | undefined {
  return item?.kind === 'map' ? item.entries.get(key) : undefined;
}

/** Names of the NSM API are plain words; anything else is not worth repeating. */
function nameOf(text: string): string {
  return /^[A-Za-z]{1,32}$/.test(text) ? text : 'of an unknown name';
}
