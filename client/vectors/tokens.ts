import type { Anchor } from '#shared/attestation/anchor.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { isJsonObject, memberOf } from '#shared/attestation/json.ts';
import type { Jws } from '#shared/attestation/jwt/jws.ts';
import { allowedAlgorithm, parseJws } from '#shared/attestation/jwt/jws.ts';
import { spkiOf } from '#shared/attestation/jwt/keys.ts';
import { readX5c } from '#shared/attestation/jwt/x5c.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import type { Platform } from '#shared/attestation/platforms.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { commonValidity } from '#shared/attestation/x509/chain.ts';
import { nameText } from '#shared/attestation/x509/name.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { requiredFile } from './files.ts';
import type { VectorFiles, VectorPlatform } from './vector-platform.ts';

/** The file of a sample that is a token. */
export const TOKEN_FILE = 'token.jwt';

/** The condition under which a sample's own header says which key was pinned. */
const HEADER_KEY_PINNED = 'header jwk pinned out of band';

/** Samples of tokens: one each. The collection holds no issuer's key set, so a key is pinned only where a verdict says so. */
export function tokenVectors(platform: Platform): VectorPlatform {
  return {
    caseOf({ files, conditions, crypto }) {
      const document = requiredFile(files, TOKEN_FILE);
      const pinned = conditions.trust === HEADER_KEY_PINNED ? headerKey(document, platform, crypto) : undefined;
      return {
        evidence: { platform, document, endorsements: pinned === undefined ? [] : [pinned.endorsement] },
        anchors: pinned === undefined ? [] : [pinned.anchor],
        reference: referenceOf,
      };
    },
    async fieldsOf(files, crypto) {
      return tokenFields(files, crypto);
    },
  };
}

/** The collection's default policy does not speak of an attestation result's status: the sample's own is wanted. */
function referenceOf({ attributes }: Claims): { readonly attributes?: Claims['attributes'] } {
  const status = attributes['ear_status'];
  return status === undefined ? {} : { attributes: { ear_status: status } };
}

/** The key in a token's header as its issuer would publish it, and its pin. No verifier would take it from there. */
function headerKey(
  document: Uint8Array,
  platform: Platform,
  crypto: CryptoPort,
): { readonly endorsement: Endorsement; readonly anchor: Anchor } | undefined {
  const token = attempt(() => parseJws(document));
  if (token.kind === 'refused') return undefined;
  const jwk = memberOf(token.value.header, 'jwk');
  const algorithm = allowedAlgorithm(token.value.algorithm, ['ES256', 'ES384', 'PS384', 'RS256']);
  const spki = isJsonObject(jwk) && algorithm !== undefined ? spkiOf(jwk, algorithm) : undefined;
  if (spki === undefined) return undefined;
  const sha256 = toHex(crypto.digest('sha256', spki));
  return {
    endorsement: { kind: 'jwk-set', bytes: utf8(JSON.stringify({ keys: [jwk] })) },
    anchor: { kind: 'key', name: 'the key in the header of the sample', platform, sha256, emulated: false },
  };
}

/** What `expected.json` lists of a token. @throws Fault - CONFIG_INVALID when the sample has none */
export function tokenFields(files: VectorFiles, crypto: CryptoPort): unknown {
  const token = attempt(() => parseJws(requiredFile(files, TOKEN_FILE)));
  if (token.kind === 'refused') return undefined;
  const { header, payload } = token.value;
  return {
    header: Object.fromEntries(Object.entries(header).filter(([name]) => name !== 'x5c')),
    claims: payload,
    ...chainFields(token.value, crypto),
  };
}

function chainFields({ header }: Jws, crypto: CryptoPort): object {
  const parsed = attempt(() => readX5c(memberOf(header, 'x5c')).map((der) => parseCertificate(der)));
  const [leaf] = parsed.kind === 'parsed' ? parsed.value : [];
  const root = parsed.kind === 'parsed' ? parsed.value.at(-1) : undefined;
  if (parsed.kind === 'refused' || leaf === undefined || root === undefined) return {};
  return {
    leaf: { subject: nameText(leaf.subject), valid: [timeText(leaf.notBeforeMs), timeText(leaf.notAfterMs)] },
    chain_valid: commonValidity(parsed.value).map(timeText),
    root_sha256: toHex(crypto.digest('sha256', root.der)),
  };
}
