/** Words of RFC 9711 section 4.2.9 for debugging that is not possible now. */
const DISABLED: readonly unknown[] = [
  'disabled',
  'disabled-since-boot',
  'disabled-permanently',
  'disabled-fully-and-permanently',
];

/** Whether a `dbgstat` claim that is stated says anything but that debugging is disabled. */
export function leavesDebugging(dbgstat: unknown): boolean {
  return dbgstat !== undefined && !DISABLED.includes(dbgstat);
}
