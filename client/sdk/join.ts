import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { CryptoPort, KeyPair } from '#shared/crypto/port.ts';
import { signPayload, verifySigned } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { Fault } from '#shared/fault/fault.ts';
import { decodeFrame, joinFrame, plainFrame } from '#shared/protocol/frames.ts';
import {
  type Agreement,
  agree,
  type CloseHint,
  decodeAttest,
  decodeClose,
  enclaveProof,
  encodeHello,
  type Join,
  openingTranscript,
  participantProof,
  participantReportData,
  sealJoin,
  trafficKeys,
} from '#shared/protocol/handshake.ts';
import { PROTOCOL_VERSION } from '#shared/protocol/limits.ts';
import { type ParticipantAttester, verifyAttest } from './attest.ts';
import { beforeDeadline, type Clock } from './clock.ts';
import type { EventSink } from './events.ts';
import { type Session, SessionChannel } from './session.ts';
import type { Transport } from './transport.ts';

/** Longest wait for the attest frame (a hardware quote takes its time) and for the welcome. */
export const JOIN_DEADLINE_MS = 30_000;

/** Who joins which study, and what it requires of the enclave. */
export interface Membership {
  /** SHA-256 of the manifest that was read and agreed to, 32 bytes. */
  readonly manifestDigest: Uint8Array;
  /** Id of the participant in the manifest. */
  readonly participant: string;
  /** Its Ed25519 identity key, as the manifest names it. */
  readonly identity: KeyPair;
  /** The manifest's appraisal policy and the participant's own: every one must hold. */
  readonly policies: readonly AppraisalPolicy[];
  /** Set where the manifest demands evidence from this participant. */
  readonly attester?: ParticipantAttester;
}

/** What joining needs of the world. */
export interface JoinContext {
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly onEvent: EventSink;
}

/** How an attempt to join ended. `closed` before the welcome is a hint that anybody on the path could have forged. */
export type Joined =
  | { readonly kind: 'joined'; readonly session: Session }
  | { readonly kind: 'closed'; readonly hint: CloseHint; readonly authentic: boolean };

/** The handshake up to the join: what both sides have agreed, and with whom. */
interface Attested {
  readonly aggregator: AttestedAggregator;
  readonly agreement: Agreement;
  readonly encapsulated: Uint8Array;
  readonly th1: Uint8Array;
}

/**
 * Performs the handshake of docs/protocol.md section 3. Nothing about the participant leaves this machine before the
 * enclave's evidence has passed every policy.
 * @param holds digest of the newest release held
 * @throws Fault - EVIDENCE_REFUSED, EVIDENCE_UNBOUND, ENCLAVE_SIGNATURE_INVALID, ATTESTER_FAILED, SESSION_TAMPERED,
 * CONNECTION_LOST. The transport is closed whenever no session is returned.
 */
export async function joinStudy(
  transport: Transport,
  membership: Membership,
  holds: Uint8Array | undefined,
  context: JoinContext,
): Promise<Joined> {
  try {
    const joined = await handshake(transport, membership, holds, context);
    if (joined.kind === 'closed') transport.close();
    return joined;
  } catch (cause) {
    transport.close();
    throw cause;
  }
}

async function handshake(
  transport: Transport,
  membership: Membership,
  holds: Uint8Array | undefined,
  context: JoinContext,
): Promise<Joined> {
  const startedMs = context.clock.monotonicMs();
  const attested = await helloAndAttest(transport, membership, context);
  if (!('aggregator' in attested)) return { kind: 'closed', hint: attested, authentic: false };
  const joinSentMs = context.clock.monotonicMs();
  const { claims, emulated } = attested.aggregator;
  const { platform, measurements } = claims;
  context.onEvent({ kind: 'attested', ms: joinSentMs - startedMs, emulated, platform, measurements });
  const frame = await sealedJoinFrame(attested, membership, holds, context.crypto);
  await transport.send(frame);
  const keys = trafficKeys(attested.agreement, frame, context.crypto);
  wipe(attested.agreement.joinKey);
  const channel = new SessionChannel(transport, keys, context.crypto);
  const first = await beforeDeadline(context.clock, JOIN_DEADLINE_MS, 'welcome', firstMessage(transport, channel));
  if (first.kind === 'closed') return first;
  const proof = { payload: enclaveProof(keys.th3), signature: first.welcome.signature };
  if (!verifySigned(PAYLOAD_TYPES.session, proof, attested.aggregator.signingKey, context.crypto)) {
    throw new Fault('ENCLAVE_SIGNATURE_INVALID', 'the welcome is not signed by the attested key for this session');
  }
  const { round, phase } = first.welcome;
  context.onEvent({ kind: 'joined', ms: context.clock.monotonicMs() - joinSentMs, round, phase });
  return { kind: 'joined', session: sessionOf(channel, attested.aggregator, first.welcome) };
}

function sessionOf(channel: SessionChannel, attested: AttestedAggregator, welcome: Session['welcome']): Session {
  return {
    attested,
    welcome,
    send: (message) => channel.send(message),
    sendChunk: (updateId, index, sealed) => channel.sendChunk(updateId, index, sealed),
    poll: () => channel.poll(),
    readable: () => channel.readable(),
    close: () => channel.close(),
  };
}

/** Sends the hello and judges the answer; a close hint when the enclave would not go on. */
async function helloAndAttest(
  transport: Transport,
  { manifestDigest, policies }: Membership,
  { crypto, clock }: JoinContext,
): Promise<Attested | CloseHint> {
  const ephemeral = crypto.xWing.generate();
  const nonce = crypto.randomBytes(32);
  const hello = { version: PROTOCOL_VERSION, kem: crypto.xWing.id, manifestDigest, nonce };
  const helloFrame = plainFrame('hello', encodeHello({ ...hello, ephemeralKey: ephemeral.publicKey }));
  await transport.send(helloFrame);
  const attestFrame = await beforeDeadline(clock, JOIN_DEADLINE_MS, 'attest frame', nextFrame(transport));
  const frame = decodeFrame(attestFrame);
  if (frame?.kind === 'close') return closeHint(frame.body);
  const attest = frame?.kind === 'attest' ? decodeAttest(frame.body) : undefined;
  if (attest === undefined) throw malformed('hello');
  const rules = { policies, atMs: Math.floor(clock.wallMs()), crypto };
  const aggregator = await verifyAttest(attest, manifestDigest, nonce, rules);
  const th1 = openingTranscript(helloFrame, attestFrame, crypto);
  const ephemeralSecret = decapsulated(crypto, attest.encapsulated, ephemeral.secretKey);
  const { encapsulated, sharedSecret } = crypto.xWing.encapsulate(aggregator.kemKey);
  const secrets = { ephemeralSecret, attestedSecret: sharedSecret };
  const agreement = agree(th1, encapsulated, secrets, crypto);
  wipe(ephemeral.secretKey, ephemeralSecret, sharedSecret);
  return { aggregator, agreement, encapsulated, th1 };
}

function decapsulated(crypto: CryptoPort, encapsulated: Uint8Array, secretKey: Uint8Array): Uint8Array {
  try {
    return crypto.xWing.decapsulate(encapsulated, secretKey);
  } catch (cause) {
    throw new Fault('SESSION_TAMPERED', 'the attest frame holds a malformed encapsulated key; joining anew', { cause });
  }
}

async function sealedJoinFrame(
  { agreement, encapsulated, th1 }: Attested,
  { attester, identity, manifestDigest, participant }: Membership,
  holds: Uint8Array | undefined,
  crypto: CryptoPort,
): Promise<Uint8Array> {
  const reportData = participantReportData(identity.publicKey, manifestDigest, th1, crypto);
  const evidence = attester === undefined ? null : await attester.evidenceFor(reportData);
  const { signature } = signPayload(PAYLOAD_TYPES.session, participantProof(agreement.th2), identity.secretKey, crypto);
  const join: Join = {
    participant,
    signature,
    evidence: evidence === null ? null : { ...evidence, endorsements: [...evidence.endorsements] },
    holds: holds ?? null,
  };
  return joinFrame(encapsulated, await sealJoin(join, agreement, crypto));
}

type First =
  | { readonly kind: 'welcomed'; readonly welcome: Session['welcome'] }
  | Extract<Joined, { readonly kind: 'closed' }>;

/** The first frame after the join: a welcome, a sealed close, or a close from before the keys were agreed. */
async function firstMessage(transport: Transport, channel: SessionChannel): Promise<First> {
  const bytes = await nextFrame(transport);
  const frame = decodeFrame(bytes);
  if (frame?.kind === 'close') return { kind: 'closed', hint: closeHint(frame.body), authentic: false };
  const message = await channel.open(bytes);
  if (message.name === 'welcome') return { kind: 'welcomed', welcome: message.body };
  if (message.name === 'close') return { kind: 'closed', hint: message.body, authentic: true };
  throw malformed('join');
}

async function nextFrame(transport: Transport): Promise<Uint8Array> {
  for (;;) {
    const bytes = transport.poll();
    if (bytes !== undefined) return bytes;
    await transport.readable();
  }
}

function closeHint(body: Uint8Array): CloseHint {
  const hint = decodeClose(body);
  if (hint === undefined) throw malformed('hello or join');
  return hint;
}

function malformed(after: string): Fault {
  return new Fault(
    'SESSION_TAMPERED',
    `FRAME_MALFORMED: the answer to ${after} is not as the protocol says; joining anew`,
  );
}

function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
