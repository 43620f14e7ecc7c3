import { Fault } from '#shared/fault/fault.ts';

/** The device gave no evidence: `what` says which step, and what was found there. */
export function attesterFailed(what: string, cause?: unknown): Fault {
  return new Fault('ATTESTER_FAILED', `no evidence: ${what}`, { cause });
}

/** The kernel's name of an error, such as `EBUSY`; `undefined` for an error that has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What became of a `step`, for the operator. Throws `cause` itself when it is a bug of ours: no fault, and no code. */
export function failureText(step: string, cause: unknown): string {
  if (cause instanceof Fault) return cause.message;
  const code = errorCode(cause);
  if (code === undefined) throw cause;
  return `${step} failed with ${code}`;
}

/** An error of the device as a fault that says at which `step`; faults stay as they are. Throws for a bug of ours. */
export function failedAt(step: string, cause: unknown): Fault {
  return cause instanceof Fault ? cause : attesterFailed(failureText(step, cause), cause);
}
