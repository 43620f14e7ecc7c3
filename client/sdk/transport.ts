/**
 * A connection that carries whole binary messages in order. `connect.ts` implements it on the `ws` package; a browser
 * implements it on its own WebSocket. Nothing above it knows which.
 */
export interface Transport {
  /**
   * Hands over one message. Resolves as soon as there is room for another one: that is the back-pressure of an
   * upload. Rejects with `CONNECTION_LOST` when the connection ended or stands still. The bytes must not change before
   * `left` is called, which is when they have left this process.
   */
  send(message: Uint8Array, left?: () => void): Promise<void>;
  /** The next message that has arrived, or `undefined` when none waits. Throws `CONNECTION_LOST` after the last one. */
  poll(): Uint8Array | undefined;
  /** Resolves when `poll` has something to say: a message, or that the connection ended. */
  readable(): Promise<void>;
  /** Ends the connection; what has been sent still goes out. Never throws. */
  close(): void;
}

/** Opens a transport; rejects with `CONNECTION_LOST`. */
export type Connect = (signal: AbortSignal) => Promise<Transport>;
