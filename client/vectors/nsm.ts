import type { CborItem } from '#shared/attestation/cbor/decode.ts';
import { decodeCbor } from '#shared/attestation/cbor/decode.ts';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { VectorFiles } from './vector-platform.ts';

const DESCRIBED = 'describe-nsm.cbor';
const ATTESTED = 'attestation-response.cbor';

/** The conversation with a Nitro Secure Module that one sample has recorded; nothing for the others. */
export function nsmFields(files: VectorFiles, userData: Uint8Array, nonce: Uint8Array): object {
  const described = files.get(DESCRIBED);
  if (described === undefined) return {};
  const attestation = {
    entries: [['user_data', userData] as const, ['nonce', nonce] as const, ['public_key', null] as const],
  };
  return {
    nsm_requests: {
      DescribeNSM: {
        request_hex: requestHex('DescribeNSM'),
        response_file: DESCRIBED,
        decoded: jsonOf(decodeCbor(described)),
      },
      GetRandom: { request_hex: requestHex('GetRandom') },
      Attestation: { request_hex: requestHex({ entries: [['Attestation', attestation]] }), response_file: ATTESTED },
    },
  };
}

function requestHex(request: CborInput): string {
  return toHex(encodeCbor(request));
}

function jsonOf(item: CborItem): unknown {
  switch (item.kind) {
    case 'map':
      return Object.fromEntries([...item.entries].map(([key, value]) => [`${key}`, jsonOf(value)]));
    case 'array':
      return item.items.map(jsonOf);
    case 'bytes':
      return toHex(item.value);
    case 'null':
      return null;
    case 'tag':
      return jsonOf(item.item);
    default:
      return item.value;
  }
}
