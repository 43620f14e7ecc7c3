import { createPublicKey } from 'node:crypto';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import type { EmulatedAk } from '../tpm/key.ts';

/** What the paravisor states at runtime. */
export interface RuntimeContents {
  /** An RSA key: Azure's vTPM has no other. */
  readonly ak: Pick<EmulatedAk, 'spki'>;
  /** What the guest left for it, 64 bytes at most. */
  readonly userData?: Uint8Array;
  readonly secureBoot?: boolean;
}

const USER_DATA_BYTES = 64;
const VM_ID = 'E0000000-0000-4000-8000-00000000000E';

/** Runtime claims as Azure writes them: JSON without white space. `rewrite` bends the value before it is written. */
export function runtimeClaims(
  { ak, userData, secureBoot = true }: RuntimeContents,
  rewrite: (claims: Readonly<Record<string, unknown>>) => unknown = (claims) => claims,
): Uint8Array {
  const claims = {
    keys: [{ kid: 'HCLAkPub', key_ops: ['sign'], ...jwkOf(ak.spki) }],
    'vm-configuration': {
      'root-cert-thumbprint': '',
      'console-enabled': true,
      'secure-boot': secureBoot,
      'tpm-enabled': true,
      'tpm-persisted': true,
      vmUniqueId: VM_ID,
    },
    'user-data': toHex(padded(userData ?? new Uint8Array(0))),
  };
  return utf8(JSON.stringify(rewrite(claims)));
}

/** `kty`, `e` and `n` of a JSON Web Key, in Azure's order. */
function jwkOf(spki: Uint8Array) {
  const { kty, e, n } = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).export({
    format: 'jwk',
  });
  return { kty, e, n };
}

function padded(userData: Uint8Array): Uint8Array {
  const field = new Uint8Array(USER_DATA_BYTES);
  field.set(userData);
  return field;
}
