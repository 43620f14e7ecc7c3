import util from 'node:util';
import { Fault } from '#shared/fault/fault.ts';

/** The tensor library's whole interface; loaded on demand, since it takes a fifth of a second. */
export type TensorLibrary = typeof import('@tensorflow/tfjs');

/** Which implementation computes: TensorFlow's own library, or WebAssembly. */
export type BackendKind = 'native' | 'wasm';

/** A tensor library that is ready to compute. */
export interface TensorBackend {
  readonly tf: TensorLibrary;
  readonly kind: BackendKind;
  /** One line for people: what computes, and why nothing faster does. */
  readonly description: string;
}

/** One way to compute, to be tried. */
export interface BackendCandidate {
  readonly kind: BackendKind;
  /** The name under which the library knows it. */
  readonly name: string;
  /** Loads it; rejects where it is not installed or does not run on this machine. */
  load(): Promise<unknown>;
}

// In a variable, so that the compiler does not demand types of a package that is optional.
const NATIVE_PACKAGE: string = '@tensorflow/tfjs-node';

async function loadNative(): Promise<void> {
  // Node 23 removed this function, and the native package (4.22.0) still calls it.
  if (!('isNullOrUndefined' in util)) {
    Object.defineProperty(util, 'isNullOrUndefined', {
      value: (value: unknown) => value === null || value === undefined,
    });
  }
  // Read by the native library as it loads: without it, a banner about processor features goes to stderr.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  await import(NATIVE_PACKAGE);
}

/** What this machine may have, fastest first. The plain JavaScript backend is not on the list: it is 20 times slower. */
export const CANDIDATES: readonly BackendCandidate[] = [
  { kind: 'native', name: 'tensorflow', load: loadNative },
  { kind: 'wasm', name: 'wasm', load: () => import('@tensorflow/tfjs-backend-wasm') },
];

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return 'not installed';
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}

/**
 * Loads the tensor library on the first backend that works and says which one it is.
 * @throws Fault `BACKEND_MISSING` where none works, with the reason of each
 */
export async function loadTensorBackend(candidates: readonly BackendCandidate[] = CANDIDATES): Promise<TensorBackend> {
  const tf = await import('@tensorflow/tfjs');
  // Silences the library's advice to install something else, and its checks meant for development.
  tf.env().set('PROD', true);
  const failures: string[] = [];
  for (const candidate of candidates) {
    try {
      await candidate.load();
      if (await tf.setBackend(candidate.name)) {
        await tf.ready();
        const why = failures.length === 0 ? '' : ` (${failures.join('; ')})`;
        return { tf, kind: candidate.kind, description: `tfjs ${tf.version.tfjs} ${candidate.kind}${why}` };
      }
      failures.push(`${candidate.kind}: did not start`);
    } catch (error) {
      failures.push(`${candidate.kind}: ${reasonOf(error)}`);
    }
  }
  throw new Fault(
    'BACKEND_MISSING',
    `no tensor backend works: ${failures.join('; ')}. Run "npm ci" to install them again.`,
  );
}
