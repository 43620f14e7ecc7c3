import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The SIMD build of tfjs's WebAssembly backend. From source it is read from the installed package; in the enclave
 * bundle this whole module is replaced by one that holds the bytes, so that they are part of what is measured.
 */
export function tfjsWasmBinary(): Uint8Array {
  return readFileSync(
    fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm')),
  );
}
