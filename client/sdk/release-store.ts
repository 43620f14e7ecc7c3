/** A release that was verified and opened. */
export interface HeldRelease {
  /** Release digest, 32 bytes. */
  readonly digest: Uint8Array;
  readonly round: number;
  /** Digest of the release before it; 32 zero bytes for release 0. */
  readonly previous: Uint8Array;
  /** The DSSE envelope, as fetched. */
  readonly statement: Uint8Array;
  /** The model's weights: flat float32 in layout order. Not to be written to. */
  readonly weights: Float32Array;
}

/** Where verified releases are kept. The newest one is what a participant trains from and vouches for. */
export interface ReleaseStore {
  /** The newest release, or `undefined` when none is held. */
  newest(): Promise<HeldRelease | undefined>;
  /** Begins to take a release whose sealed payload comes in piece by piece; nothing is kept before `keep`. */
  incoming(): Promise<IncomingRelease>;
}

/** A release on its way into a store. Ends with `keep` or `discard`. */
export interface IncomingRelease {
  /** The next piece of the payload as fetched; it belongs to the caller again when this resolves. */
  write(piece: Uint8Array): Promise<void>;
  /** Keeps the release for good: when this resolves, a restart will find it. Only after its payload has verified. */
  keep(release: HeldRelease): Promise<void>;
  /** Forgets what came in. */
  discard(): Promise<void>;
}

/** A store that forgets at the end of the process: for short studies and tests. Holds the newest release only. */
export function memoryReleaseStore(): ReleaseStore {
  let held: HeldRelease | undefined;
  return {
    newest: async () => held,
    incoming: async () => ({
      write: async () => {},
      keep: async (release) => {
        if (held === undefined || release.round >= held.round) held = release;
      },
      discard: async () => {},
    }),
  };
}
