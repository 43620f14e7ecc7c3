import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { concat, EMPTY, u32be } from '#shared/bytes/bytes.ts';
import { counted, u16be } from '../bytes.ts';

/** An attestation key of a TPM in software: no TPM keeps it, whoever runs the emulator has it. */
export interface EmulatedAk {
  readonly kind: 'rsa' | 'p256' | 'p384';
  /** TPMT_PUBLIC. */
  readonly area: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** Qualified name of the key, which every quote names as its signer. */
  readonly qualifiedName: Uint8Array;
  /** RSASSA, or ECDSA as R and S behind each other. */
  readonly sign: (message: Uint8Array, hash: string) => Uint8Array;
}

/** How a test bends a key's description; everything left out is as TPM2_Create writes it for an attestation key. */
export interface AkOptions {
  readonly kind?: EmulatedAk['kind'];
  readonly keys?: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  /** TPMA_OBJECT. */
  readonly attributes?: number;
  /** TPM_ALG_ID of the hash that the description says the key signs with. */
  readonly schemeHash?: number;
  /** The description as a whole, before the key is named by it. */
  readonly rewriteArea?: (area: Uint8Array) => Uint8Array;
  /** Qualified name of the parent, for a key that is not a primary one of the endorsement hierarchy. */
  readonly parent?: Uint8Array;
}

const NAME_SHA256 = 0x000b;
const NULL_ALGORITHM = 0x0010;
const ENDORSEMENT_HIERARCHY = u32be(0x4000000b);
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign. */
const AK_ATTRIBUTES = 0x00050072;
const CURVES = {
  p256: { id: 0x0003, name: 'P-256', bytes: 32 },
  p384: { id: 0x0004, name: 'P-384', bytes: 48 },
} as const;
const RSA_BITS = 2048;

/** Keys of a kind that an attestation key can have. */
export function newAkKeys(kind: EmulatedAk['kind']): NonNullable<AkOptions['keys']> {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: RSA_BITS });
  return generateKeyPairSync('ec', { namedCurve: CURVES[kind].name });
}

/** An attestation key, P-256 unless told otherwise. */
export function emulatedAk(options: AkOptions = {}): EmulatedAk {
  const { kind = 'p256', parent = ENDORSEMENT_HIERARCHY } = options;
  const { privateKey, publicKey } = options.keys ?? newAkKeys(kind);
  const written = publicArea(kind, publicKey, options);
  const area = options.rewriteArea?.(written) ?? written;
  const name = concat(u16be(NAME_SHA256), sha256(area));
  return {
    kind,
    area,
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    qualifiedName: concat(u16be(NAME_SHA256), sha256(parent, name)),
    sign: (message, hash) => new Uint8Array(sign(hash, message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  };
}

/** TPMT_PUBLIC (TPM 2.0 part 2 section 12.2.4). */
function publicArea(kind: EmulatedAk['kind'], publicKey: KeyObject, options: AkOptions): Uint8Array {
  const { attributes = AK_ATTRIBUTES, schemeHash = NAME_SHA256 } = options;
  const jwk = publicKey.export({ format: 'jwk' });
  const head = (type: number, scheme: number): Uint8Array =>
    concat(
      ...[type, NAME_SHA256].map(u16be),
      u32be(attributes),
      counted(EMPTY),
      ...[NULL_ALGORITHM, scheme, schemeHash].map(u16be),
    );
  if (kind === 'rsa') return concat(head(0x0001, 0x0014), u16be(RSA_BITS), u32be(0), counted(number(jwk.n)));
  const curve = [CURVES[kind].id, NULL_ALGORITHM].map(u16be);
  return concat(head(0x0023, 0x0018), ...curve, counted(number(jwk.x)), counted(number(jwk.y)));
}

/** A number of a JSON Web Key. */
function number(text = ''): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64url'));
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(concat(...parts))
      .digest(),
  );
}
