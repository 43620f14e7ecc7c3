/** One participant's transport, ending inside the enclave. The session owns it. */
export interface Connection {
  /** Sends one frame; the frame must not be changed afterwards. */
  send(frame: Uint8Array): void;
  /** Bytes that were handed to `send` and have not left this process yet. */
  unsentBytes(): number;
  /** Stops or resumes reading from the peer: back-pressure towards the network. */
  setReading(on: boolean): void;
  /** Ends the connection after what was sent. */
  close(): void;
}
