import { type Static, type TSchema, Type } from '@sinclair/typebox';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { decodePem } from '#shared/attestation/x509/pem.ts';
import { fromBase64Url, toBase64Url } from '#shared/bytes/base64url.ts';
import { decodeJson } from '#shared/codec/json.ts';
import type { AttesterPorts } from './driver.ts';
import { attesterFailed } from './failure.ts';
import type { HttpRequest } from './transport/http.ts';

/**
 * What Azure's Instance Metadata Service gives a confidential VM for its evidence. It is the host's: whatever comes from
 * there is signed by the processor's vendor, and verified by whoever verifies the evidence.
 */

/** Where every VM on Azure finds it. */
export const METADATA_SERVICE = 'http://169.254.169.254';

const LIMITS = { answerBytesMax: 64 * 1024, timeoutMs: 10_000 } as const;
/** VCEK, ASK and ARK. */
const CERTIFICATES_MAX = 4;

const Certification = Type.Object({ vcekCert: Type.String(), certificateChain: Type.String() });
const TdQuote = Type.Object({ quote: Type.String({ minLength: 1 }) });

/**
 * The certificates of the processor's report key, leaf first (Trusted Hardware Identity Management).
 * Throws `ATTESTER_FAILED`.
 */
export async function vcekChain(
  { send }: Pick<AttesterPorts, 'send'>,
  service: string,
): Promise<readonly Endorsement[]> {
  const url = `${service}/metadata/THIM/amd/certification`;
  const { vcekCert, certificateChain } = await ask(send, Certification, {
    url,
    headers: { Metadata: 'true' },
    ...LIMITS,
  });
  const certificates = attempt(() => [
    ...decodePem(vcekCert, 'CERTIFICATE', 1),
    ...decodePem(certificateChain, 'CERTIFICATE', CERTIFICATES_MAX - 1),
  ]);
  if (certificates.kind === 'refused') throw attesterFailed(`${url}: ${certificates.reason.detail}`);
  return certificates.value.map((bytes) => ({ kind: 'certificate', bytes }));
}

/** A quote over a TD report of this VM; a guest below Azure's paravisor has no other way to one. Throws `ATTESTER_FAILED`. */
export async function tdQuoteOf(
  { send }: Pick<AttesterPorts, 'send'>,
  service: string,
  tdReport: Uint8Array,
): Promise<Uint8Array> {
  const url = `${service}/acc/tdquote`;
  const report = toBase64Url(tdReport);
  const { quote } = await ask(send, TdQuote, { url, json: { report }, ...LIMITS });
  const bytes = fromBase64Url(quote.replaceAll('=', ''));
  if (bytes === undefined) throw attesterFailed(`${url} answered with a quote that is not base64url`);
  return bytes;
}

async function ask<T extends TSchema>(
  send: AttesterPorts['send'],
  schema: T,
  request: HttpRequest,
): Promise<Static<T>> {
  const answer = decodeJson(schema, await send(request), LIMITS.answerBytesMax);
  if (answer === undefined) throw attesterFailed(`${request.url} answered with other JSON than expected, or none`);
  return answer;
}
