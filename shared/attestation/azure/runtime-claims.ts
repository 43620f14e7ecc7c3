import { fromBase64Url } from '../../bytes/base64url.ts';
import type { JsonObject } from '../json.ts';
import { isJsonObject, memberOf, parseJsonObject, textOfMember } from '../json.ts';
import { malformed } from '../malformed.ts';
import type { AttestationKey } from '../tpm/key.ts';
import { parseAttestationKey } from '../tpm/key.ts';
import { rsaSpki } from '../x509/spki.ts';

/** What the paravisor states at runtime, in JSON. The hardware report vouches for it by a hash over its bytes. */
export interface RuntimeClaims {
  /** The attestation key of the vTPM, `HCLAkPub`. */
  readonly ak: AttestationKey;
  /** Names of all keys, in their order. */
  readonly kids: readonly string[];
  /** How the VM is set up: `secure-boot`, `vmUniqueId` and more. */
  readonly vmConfiguration: JsonObject;
  /** What the guest put into NV index 0x01400002, 64 bytes in hex; `undefined` where older firmware has no such claim. */
  readonly userData: string | undefined;
}

const AK = 'HCLAkPub';
const KEYS_MAX = 8;
const USER_DATA = /^(?:[0-9A-Fa-f]{2}){0,64}$/;

/** Parses runtime claims. Members that are not known here are left alone: Azure adds to them. Throws `MalformedInput`. */
export function parseRuntimeClaims(bytes: Uint8Array): RuntimeClaims {
  const claims = parseJsonObject(bytes, 'the runtime claims');
  const keys: unknown = memberOf(claims, 'keys');
  if (!Array.isArray(keys) || keys.length > KEYS_MAX) return malformed('runtime claims without their list of keys');
  const named = keys.map((key: unknown) => ({
    key,
    kid: textOfMember(key, 'kid') ?? malformed('a key without a name'),
  }));
  const kids = named.map(({ kid }) => kid);
  if (new Set(kids).size !== kids.length) malformed('runtime claims that name a key twice');
  const ak = named.find(({ kid }) => kid === AK) ?? malformed(`runtime claims without ${AK}`);
  const vmConfiguration = memberOf(claims, 'vm-configuration');
  if (!isJsonObject(vmConfiguration)) return malformed('runtime claims without vm-configuration');
  return { ak: readKey(ak.key), kids, vmConfiguration, userData: readUserData(claims) };
}

/** An RSA key as a JSON Web Key (RFC 7518 section 6.3.1). */
function readKey(jwk: unknown): AttestationKey {
  if (textOfMember(jwk, 'kty') !== 'RSA') malformed(`${AK} is no RSA key`);
  const [modulus, exponent] = ['n', 'e'].map((name) => fromBase64Url(textOfMember(jwk, name) ?? ''));
  const spki = modulus === undefined || exponent === undefined ? undefined : rsaSpki(modulus, exponent);
  return parseAttestationKey(spki ?? malformed(`${AK} is no RSA key`));
}

function readUserData(claims: JsonObject): string | undefined {
  const value = memberOf(claims, 'user-data');
  if (value === undefined) return undefined;
  const valid = typeof value === 'string' && USER_DATA.test(value);
  return valid ? value.toLowerCase() : malformed('runtime claims with user-data that is not up to 64 bytes of hex');
}
