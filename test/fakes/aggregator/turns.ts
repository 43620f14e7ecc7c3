/** Lets everything that is ready run, with no time passing: promises that wait on nothing have settled afterwards. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
