import type { CryptoPort } from '#shared/crypto/port.ts';
import type { AttesterPorts } from '../driver.ts';
import { nodeDeviceFiles } from './device-files.ts';
import { exchangeFrames } from './framed-socket.ts';
import { sendHttp } from './http.ts';
import { nodeToolFolders } from './tools.ts';

/** The devices of this machine; `searchPath` is the PATH on which tpm2-tools are looked for. */
export function nodeAttesterPorts(crypto: CryptoPort, searchPath: string): AttesterPorts {
  return {
    files: nodeDeviceFiles,
    tools: nodeToolFolders(searchPath),
    send: sendHttp,
    exchange: exchangeFrames,
    crypto,
    clock: {
      // Keeps the process alive, unlike the enclave's clock: at the start nothing else may do so.
      after(delayMs, action) {
        const timer = setTimeout(action, delayMs);
        return () => clearTimeout(timer);
      },
    },
  };
}
