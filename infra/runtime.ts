/**
 * How Node is started where bulk data passes. Measured with `npm run bench -- --only round-seconds`; the figures are in
 * the README.
 */

/**
 * glibc keeps the pages of large buffers instead of returning them to the kernel: AES-256-GCM into fresh buffers is
 * three times faster.
 */
export const ALLOCATOR: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: '1073741824',
  MALLOC_TRIM_THRESHOLD_: '2147483648',
  MALLOC_TOP_PAD_: '67108864',
};

/**
 * V8 collects the whole heap each time some megabytes of socket buffers have come and gone, about fifty times in a round
 * of 400 MB. The heap itself is small: marking it at once takes milliseconds, marking it in steps slows everything else.
 */
export const HOST_FLAGS: readonly string[] = ['--no-incremental-marking'];

/** The enclave is measured by its memory: with a small nursery, buffers that have served are freed while still few. */
export const ENCLAVE_FLAGS: readonly string[] = ['--max-semi-space-size=2'];
