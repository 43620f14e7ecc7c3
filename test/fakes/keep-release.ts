import type { HeldRelease, ReleaseStore } from '#client/sdk/release-store.ts';

/** Puts a whole release into a store, as a finished download does. */
export async function keepRelease(
  store: ReleaseStore,
  release: HeldRelease,
  payload: readonly Uint8Array[],
): Promise<void> {
  const incoming = await store.incoming();
  for (const piece of payload) await incoming.write(piece);
  await incoming.keep(release);
}
