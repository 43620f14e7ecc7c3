/** A place in which we do not follow the collection, and by which clause. */
export interface Disagreement {
  /** The sample's id. */
  readonly id: string;
  /** How the difference begins, as `differences` words it: the path in `fields`. */
  readonly path: string;
  readonly because: string;
}

/** All of them. A disagreement that is not listed fails the test and the command. */
export const DISAGREEMENTS: readonly Disagreement[] = [
  {
    id: 'aws-nitro/emulated-qemu-virtio-nsm',
    path: '/nsm_requests/GetRandom/response',
    because: 'describes in English an answer of 256 random bytes that was not recorded: there is nothing to decode',
  },
];

/** Whether a difference of a sample is listed. */
export function isListed(id: string, difference: string): boolean {
  return DISAGREEMENTS.some((listed) => listed.id === id && difference.startsWith(`${listed.path} `));
}
