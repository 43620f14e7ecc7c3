import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';

/** `nodeCrypto` that remembers the answer for each signature, key and message it has verified. */
export function memoCrypto(): CryptoPort {
  const answers = new Map<string, Promise<boolean>>();
  return {
    ...nodeCrypto,
    verifyCertificateSignature(scheme, spki, signature, message) {
      const id = [
        JSON.stringify(scheme),
        ...[spki, signature, message].map((part) => toHex(nodeCrypto.digest('sha256', part))),
      ].join();
      const answer = answers.get(id) ?? nodeCrypto.verifyCertificateSignature(scheme, spki, signature, message);
      answers.set(id, answer);
      return answer;
    },
  };
}
