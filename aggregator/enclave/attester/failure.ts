import { Fault } from '#shared/fault/fault.ts';

/** The device gave no evidence: `what` says which step, and what was found there. */
export function attesterFailed(what: string, cause?: unknown): Fault {
  return new Fault('ATTESTER_FAILED', `no evidence: ${what}`, { cause });
}

/** The kernel's name of an error, such as `EBUSY`; `undefined` for an error that has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What became of a `step`, for the operator. */
export function failureText(step: string, cause: unknown): string {
  return cause instanceof Fault
    ? cause.message
    : `${step} failed with ${errorCode(cause) ?? 'an error without a code'}`;
}

/** An error of the device as a fault that says at which `step`; faults stay as they are. */
export function failedAt(step: string, cause: unknown): Fault {
  return cause instanceof Fault ? cause : attesterFailed(failureText(step, cause), cause);
}
