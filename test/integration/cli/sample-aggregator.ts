import { stringify } from 'yaml';
import { mintDocument } from '#infra/emulator/document.ts';
import { reportDataFor } from '#shared/attestation/binding.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { concat, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { encodeEnvelope, keyIdOf, signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { generateCoordinatorKeys, generateParticipantKeys } from '#shared/keys/key-file.ts';
import { floatBytes } from '#shared/model/parameters.ts';
import { ReleaseSealer, signRelease } from '#shared/release/seal-release.ts';
import { readStudy, type Study } from '#shared/study/study.ts';
import { contentsOf, fakePlatform, policyFor } from '#test/fakes/tee/enclave.ts';

const CHUNK_BYTES = 1024;

/** Release weights of round `round`: 600 values that tell the round. */
export function weightsOf(round: number): Float32Array {
  return Float32Array.from({ length: 600 }, (_, index) => round + index / 1000);
}

/** An emulated enclave with a study and its people: what a host would serve of it, genuine unless a test alters it. */
export async function sampleAggregator() {
  const platform = await fakePlatform();
  const coordinator = generateCoordinatorKeys(crypto);
  const mary = generateParticipantKeys(crypto);
  const jude = generateParticipantKeys(crypto);
  const study = readStudy(manifestOf(coordinator, { mary, jude }, policyFor(platform)), crypto);
  const signing = crypto.ed25519Generate();
  const kemKey = crypto.xWing.generate().publicKey;
  const nonceRoot = new Uint8Array(32).fill(4);
  const binding = { kemKey, signingKey: signing.publicKey, manifestDigest: study.digest, nonceRoot };
  const document = await mintDocument(platform.chain, contentsOf(platform, reportDataFor(binding, crypto)));
  const evidence = { platform: 'aws-nitro', document, endorsements: [], ...binding };
  const evidenceFile = utf8(
    JSON.stringify({
      platform: 'aws-nitro',
      document: toBase64(document),
      endorsements: [],
      kemKey: toBase64(kemKey),
      signingKey: toBase64(signing.publicKey),
      nonceRoot: toBase64(nonceRoot),
    }),
  );
  /** A release as the enclave would make it. */
  const release = async (round: number, previous: Uint8Array) => {
    const place = { manifestDigest: study.digest, round, previous };
    const tensorBytes = floatBytes(weightsOf(round));
    const content = { prelude: { metrics: { loss: 0.5 }, contributions: 2 }, tensorBytes };
    const sealer = await ReleaseSealer.create(
      { ...place, recipients: study.recipients, chunkBytes: CHUNK_BYTES },
      content,
      crypto,
    );
    const pieces: Uint8Array[] = [];
    for await (const piece of sealer.pieces()) pieces.push(piece);
    const statement = {
      ...place,
      payloadDigest: sealer.payloadDigest(),
      study: study.manifest.study,
      cohortSize: 2,
      contributions: 2,
      rule: round === 0 ? ({ kind: 'initial' } as const) : ({ kind: 'mean', weighting: 'uniform' } as const),
      privacy: { kind: 'none' } as const,
      layoutDigest: study.layout.digest,
      tensorBytes: tensorBytes.length,
      chunkBytes: CHUNK_BYTES,
      evidence,
    };
    return { round, payload: concat(...pieces), ...signRelease(statement, signing.secretKey, crypto) };
  };
  /** DSSE envelope of a status, signed by `secretKey`. */
  const status = (secretKey: Uint8Array = signing.secretKey): Uint8Array => {
    const payload = utf8(JSON.stringify(statusOf(study, crypto.digest('sha256', signing.publicKey))));
    const keyId = keyIdOf(signing.publicKey, crypto);
    return encodeEnvelope(PAYLOAD_TYPES.status, signPayload(PAYLOAD_TYPES.status, payload, secretKey, crypto), keyId);
  };
  return { study, coordinator, mary, signing, evidenceFile, release, status };
}

function statusOf(study: Study, instance: Uint8Array): object {
  return {
    manifestDigest: toHex(study.digest),
    instance: toHex(instance),
    name: study.manifest.study,
    phase: 'collecting',
    round: 2,
    rounds: 3,
    attempt: 1,
    connected: 2,
    cohort: 2,
    received: 1,
    refusals: { UPDATE_NOT_FINITE: 1 },
    release: null,
  };
}

function manifestOf(
  coordinator: ReturnType<typeof generateCoordinatorKeys>,
  participants: Readonly<Record<string, ReturnType<typeof generateParticipantKeys>>>,
  policy: object,
): Uint8Array {
  return utf8(
    stringify({
      cloister: 1,
      study: 'a-study',
      title: 'A study',
      coordinator: { name: 'Team', key: toBase64(coordinator.signing.publicKey) },
      model: { kind: 'tensors', tensors: [{ name: 'w', shape: [600] }], initial: 'zeros' },
      participants: Object.entries(participants).map(([id, { identity, release }]) => ({
        id,
        name: id,
        identityKey: toBase64(identity.publicKey),
        releaseKey: toBase64(release.publicKey),
      })),
      ...policy,
      rounds: { count: 3, quorum: 1, cohort: 'all', deadlineSeconds: 60, gatherSeconds: 0 },
      aggregation: { rule: 'mean', weighting: { kind: 'uniform' }, examples: { minimum: 1, maximum: 9 }, metrics: [] },
      privacy: { kind: 'none', acknowledgedBy: 'the test' },
      release: { recipients: 'participants' },
    }),
  );
}
