import type { ToHost } from '#boundary/to-host.ts';

/** The way out of the enclave. Nothing that goes through it is secret: it is signed, sealed or public. */
export interface HostPort {
  /**
   * Sends one message; resolves when there is room for the next. Without a connection the message is dropped: what
   * matters is told again when the host comes back.
   */
  send(message: ToHost): Promise<void>;
}
