import type { JsonObject } from '../json.ts';
import { textOfMember } from '../json.ts';
import type { Reason } from '../reasons.ts';
import { shownText } from './attributes.ts';

/** The check that `iss` (RFC 7519 section 4.1.1) is exactly `wanted`: an identifier, compared as it is spelled. */
export function issuerMustBe(wanted: string): (payload: JsonObject) => readonly Reason[] {
  return (payload) => (textOfMember(payload, 'iss') === wanted ? [] : [issuerMismatch(payload, wanted)]);
}

/** The refusal of a token's issuer. `wanted` says which would do. */
export function issuerMismatch(payload: JsonObject, wanted: string): Reason {
  const found = shownText(textOfMember(payload, 'iss') ?? 'none');
  return { code: 'ISSUER_MISMATCH', detail: 'the token was issued by another service', found, wanted };
}
