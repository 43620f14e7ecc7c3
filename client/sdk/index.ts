/**
 * The participant's SDK; everything else in this folder is its inside.
 *
 * ```ts
 * const crypto = nodeCrypto;
 * const study = openSignedStudy(await readFile('study.json'), crypto);   // shared/study: the manifest, signature verified
 * const keys = decodeKeyFile(await readFile('mary.key'), crypto);         // shared/keys
 * const policy = parsePolicy(parseYaml(await readFile('policy.yaml')));   // shared/attestation: YOUR reference values
 * const store = await diskReleaseStore('releases', crypto);
 * const ports = nodePorts(new URL('http://127.0.0.1:8470'), (event) => console.log(event.kind));
 * const leave = new AbortController();
 * const end = await participate(
 *   { study, participant: 'mary', keys, policies: [policy], trainer, store },         // trainer: your own `Trainer`
 *   ports,
 *   leave.signal,
 * );
 * if (end.release !== undefined) useModel(end.release.weights);           // flat float32, layout order
 * ```
 */
export type { ParticipantAttester } from './attest.ts';
export { BACKOFF, type BackoffPolicy } from './backoff.ts';
export { type Clock, systemClock } from './clock.ts';
export { CONNECTION, webSocketConnect } from './connect.ts';
export { diskReleaseStore, RETENTION_DEFAULT, type Retention } from './disk-release-store.ts';
export type { EventSink, ParticipantEvent } from './events.ts';
export { type HostClient, httpHost } from './host.ts';
export { nodePorts } from './node-ports.ts';
export {
  type ParticipantPorts,
  type Participation,
  type ParticipationEnd,
  type Persistence,
  participate,
} from './participate.ts';
export { type HeldRelease, memoryReleaseStore, type ReleaseStore } from './release-store.ts';
export type { Connect, Transport } from './transport.ts';
